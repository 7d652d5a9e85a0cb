#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bourse/program/directory.h"
#include "bourse/program/frame_socket.h"
#include "bourse/program/future_core.h"
#include "bourse/program/method.h"
#include "bourse/program/reactor.h"

namespace bourse::program {

/// What both ends of a connection must agree on.
struct Agreement {
  std::string token;              ///< Secret of this run.
  std::uint64_t fingerprint = 0;  ///< Of the graph of the program.
  std::size_t largest_message = std::size_t{1} << 30;
  /// Of connections by TCP, if not null; those by unix sockets stay on the machine. Owned by all
  /// who make connections.
  std::shared_ptr<const TlsContext> tls = nullptr;
  /// A peer that owes an answer, or is being sent to, and is not heard of for so long is taken for
  /// lost. 0: never.
  Nanoseconds silence{};
};

/// A server shows life so often in that time; it is over after so many looks in vain, so that a
/// process that was itself stopped for a while does not blame others.
inline constexpr int kSilenceChecks = 4;

/// How a call is sent.
struct CallOrder {
  const MethodInfo* method = nullptr;
  std::uint32_t node = 0;
  std::uint8_t priority = 0;
  bool fails_fast = false;     ///< Do not wait for a node that is not there.
  bool is_idempotent = false;  ///< Send again if the node was lost.
  Deadline deadline = kNoDeadline;
};

/// Our end of the connection to one process of the program: connects when it is first needed and
/// again after a loss, and carries any number of calls at a time. There is no thread for reading: a
/// thread that waits for an answer reads, for all who wait; the reactor reads when nobody waits and
/// continuations do.
///
/// A call is sent at most once, unless it is idempotent. When the connection is lost every call
/// that was sent fails with unavailable at once.
class Channel final : public CallRoute, public std::enable_shared_from_this<Channel> {
 public:
  struct Options {
    std::uint32_t unit = 0;
    std::string peer;  ///< "ps/0", for messages.
    Agreement agreement;
    Nanoseconds connect_timeout{};  ///< How long a node may take to be there.
  };
  Channel(std::shared_ptr<Reactor> reactor, std::shared_ptr<Directory> directory, Options options);
  ~Channel() override;

  /// Sends a call whose answer completes `core`. Waits while the connection takes no more.
  void start(const CallOrder& order, Message arguments, const std::shared_ptr<FutureCore>& core);
  /// Incarnation of the process at the other end, as of the last connection.
  [[nodiscard]] std::uint32_t incarnation() const;
  /// Fails all calls; later ones too.
  void close();

  void wait(FutureCore& call, Deadline until) override;
  void attend(const std::shared_ptr<FutureCore>& call) override;
  void cancel(std::uint64_t call) override;
  void post(std::function<void()> continuation) override;
  [[nodiscard]] std::string target() const override { return options_.peer; }

 private:
  class Readiness;
  /// A call without an answer.
  struct Pending {
    std::shared_ptr<ReplySink> core;  ///< Owned by us and by the caller.
    CallOrder order;
    std::unique_ptr<Frame>
        again;  ///< Kept until it is sent; of an idempotent call, until answered.
    bool is_sent = false;
    bool is_attended = false;
  };
  enum class State : std::uint8_t { idle, connecting, up, closed };

  void begin_connecting();
  void try_to_connect(Deadline give_up, Nanoseconds backoff);
  void fail_unsent(const CallError& error, bool only_fast);
  Result<std::shared_ptr<FrameSocket>> shake_hands(Descriptor connected);
  void use(const std::shared_ptr<FrameSocket>& socket);
  void send_waiting(const std::shared_ptr<FrameSocket>& socket);
  void lost(const std::shared_ptr<FrameSocket>& socket, const std::string& why);
  void read(const std::shared_ptr<FrameSocket>& socket, Deadline until);
  void take(Frame& frame);
  void on_readable();
  void arm_locked();
  void stop_reading();
  void look_for_silence_later(const std::shared_ptr<FrameSocket>& socket, int looks_in_vain);
  void look_for_silence(const std::shared_ptr<FrameSocket>& socket, int looks_in_vain);
  [[nodiscard]] std::shared_ptr<FrameSocket> current_socket() const;
  void send_or_keep(const std::shared_ptr<FrameSocket>& socket, Frame frame, bool may_be_kept);
  void send_kept(const std::shared_ptr<FrameSocket>& socket);
  [[nodiscard]] CallError gone(const std::string& why) const;
  [[nodiscard]] FrameSocket::WaitToSend wait_to_send(const std::shared_ptr<FrameSocket>& socket);

  std::shared_ptr<Reactor> reactor_;      ///< Owned by the runtime and all its channels.
  std::shared_ptr<Directory> directory_;  ///< The same.
  const Options options_;

  mutable std::mutex mutex_;  ///< Guards what follows.
  State state_ = State::idle;
  std::shared_ptr<FrameSocket> socket_;  ///< Owned by us and by threads that use it.
  Reactor::WatchId watch_ = 0;
  std::map<std::uint64_t, Pending> pending_;
  std::vector<FutureCore*> followers_;  ///< Wait for an answer while another thread reads.
  std::uint64_t calls_ = 0;
  std::size_t attended_ = 0;
  bool is_reading_ = false;
  bool is_armed_ = false;
  bool is_watched_ = false;  ///< The reactor tells of the end at least.
  /// Answers may come that nobody waits for; unread they would be in the way of others.
  bool has_cancelled_ = false;
  std::uint32_t incarnation_ = 0;

  std::atomic<bool> has_kept_ = false;   ///< Frames that are to go out with the next.
  std::atomic<bool> has_heard_ = false;  ///< Since the last look_for_silence().
};

/// TLS as agreed for a connected socket; null if there is none.
[[nodiscard]] std::unique_ptr<TlsSession> tls_session(const Agreement& agreement, int socket,
                                                      TlsSession::Side side);

/// The first frame of a connection.
[[nodiscard]] Frame hello_frame(const Agreement& agreement);

/// An error as a frame, and back.
[[nodiscard]] Frame error_frame(std::uint64_t call, const CallError& error);
[[nodiscard]] CallError error_of_frame(const Frame& frame);

}  // namespace bourse::program
