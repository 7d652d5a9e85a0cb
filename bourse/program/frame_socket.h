#pragma once

#include <sys/uio.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "bourse/program/brisk_wait.h"
#include "bourse/program/deadline.h"
#include "bourse/program/frame.h"
#include "bourse/program/tls.h"
#include "bourse/world/descriptor.h"

namespace bourse::program {

/// A connected socket that frames are sent on and read from. One thread at a time reads; any thread
/// may send. Frames go in order of priority, then of sending; one that has begun is interrupted
/// between its blocks by those of higher priority.
class FrameSocket {
 public:
  /// `tls` is null for a connection in the clear. The client's side greets with its first frame.
  explicit FrameSocket(Descriptor socket, FrameLimits limits = {},
                       std::unique_ptr<TlsSession> tls = nullptr);

  /// What a sender that has to wait does meanwhile: returns when it is worth trying again.
  using WaitToSend = std::function<void()>;

  /// Sends as much as the system takes and keeps the rest, in order, for flush(). With `wait` it
  /// returns when the whole frame was taken: the frame may then refer to memory of the caller.
  /// False once the connection is broken.
  bool send(Frame frame, const WaitToSend* wait = nullptr);
  /// Sends more of what is kept. False if the connection is broken.
  bool flush();
  /// The same, but keeps frames until somebody flushes.
  bool keep(Frame frame);
  /// Called, within a send or flush, when the system takes no more for now and frames are kept:
  /// flush() is to be called once it does. Set before the first send.
  void on_blocked(std::function<void()> callback) { on_blocked_ = std::move(callback); }
  /// Bytes that are kept.
  [[nodiscard]] std::size_t unsent() const;

  enum class ReadStatus : std::uint8_t { some, nothing, closed };
  /// Reads once and adds complete frames to `frames`. Waits for bytes until `until`. `closed` says
  /// that nothing more will come; why() has the reason.
  ReadStatus read(std::vector<Frame>& frames, Deadline until = kNoWait);
  /// True if the last read took all that had arrived.
  [[nodiscard]] bool has_read_all() const { return has_read_all_; }
  /// True if a part of a frame has been read that others may interrupt.
  [[nodiscard]] bool is_amid_large() const { return parser_.is_amid_large(); }
  /// True once something can be read; false if `until` has passed first.
  [[nodiscard]] bool wait_readable(Deadline until) const;
  [[nodiscard]] const std::string& why() const { return why_; }
  /// True if the ends did not agree on TLS: it makes no sense to try again.
  [[nodiscard]] bool has_tls_failed() const { return tls_ && !tls_->why().empty(); }
  void set_limits(FrameLimits limits) { parser_.set_limits(limits); }

  /// Ends the connection for both; whoever waits in it returns.
  void shut();
  [[nodiscard]] int number() const { return socket_.number(); }

 private:
  struct Outgoing {
    Frame frame;
    std::string prefix;
    std::size_t taken = 0;    ///< Bytes that are in pieces_, or were.
    bool* is_sent = nullptr;  ///< Set when the frame was taken; null if nobody waits for it.

    [[nodiscard]] std::size_t size() const { return prefix.size() + frame.message.size(); }
  };
  /// Bytes of a frame, after a mark unless they are the first of all.
  struct Piece {
    std::shared_ptr<Outgoing> outgoing;  ///< Owned by its pieces, and by us while there are more.
    BlockMark mark{};
    std::size_t mark_size = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t sent = 0;

    [[nodiscard]] std::size_t size() const { return mark_size + end - begin; }
  };
  using Key = std::pair<int, std::uint64_t>;  ///< Negated priority, order of sending.

  void push(Frame frame, bool* is_sent);
  bool encrypt();
  bool decrypt(std::string_view wire, std::vector<Frame>& frames);
  [[nodiscard]] std::size_t unsent_locked() const { return unsent_ + wire_.size() - wire_sent_; }
  bool send_at_once(const Frame& frame);
  bool flush_locked(std::unique_lock<std::mutex>& lock, const bool* until_sent,
                    const WaitToSend* wait);
  void gather(std::vector<iovec>& parts);
  [[nodiscard]] bool take_piece();
  void drop_sent(std::size_t count);
  [[nodiscard]] ssize_t receive(std::span<char> target, std::size_t beyond, Deadline until);
  static void add_parts(const Piece& piece, std::vector<iovec>& parts);

  Descriptor socket_;
  std::function<void()> on_blocked_;

  mutable std::mutex mutex_;  ///< Guards what follows, up to the reader's part.
  std::condition_variable sent_;
  std::map<Key, std::shared_ptr<Outgoing>> outgoing_;
  std::vector<std::shared_ptr<Outgoing>> begun_;  ///< Partly in pieces_; each interrupts the last.
  std::deque<Piece> pieces_;                      ///< What goes out next, in order.
  std::uint64_t sends_ = 0;
  std::size_t unsent_ = 0;
  bool is_flushing_ = false;
  bool is_broken_ = false;
  std::unique_ptr<TlsSession> tls_;
  std::string wire_;  ///< Encrypted; the first wire_sent_ bytes have gone out.
  std::size_t wire_sent_ = 0;

  FrameParser parser_;
  BriskWait brisk_wait_;
  std::vector<char> arrived_;
  bool has_read_all_ = false;
  bool was_dense_ = false;  ///< The last read brought many frames.
  std::string why_;
};

}  // namespace bourse::program
