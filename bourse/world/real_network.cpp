#include "bourse/world/real_network.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <cerrno>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/world/address.h"
#include "bourse/world/real_connection.h"
#include "bourse/world/real_listener.h"
#include "bourse/world/socket_address.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

constexpr Seconds kConnectTimeout{5};
constexpr Seconds kRetry{0.02};  ///< While the queue of a unix listener is full.

}  // namespace

/// One call of connect(): looks up the name, then tries its addresses in turn.
class RealNetwork::Attempt {
 public:
  using Callback = std::function<void(Result<std::unique_ptr<Connection>>)>;

  Attempt(EventLoop& loop, Address address, Callback on_end)
      : loop_(loop), address_(std::move(address)), on_end_(std::move(on_end)) {}
  ~Attempt() {
    loop_.unwatch(watch_);
    loop_.cancel(deadline_);
    loop_.cancel(retry_);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// `find` finds the attempt again from a call that may come after its end.
  void start(std::function<Attempt*()> find) {
    const Result<AddressParts> parts = parse_address(address_);
    if (!parts) return end(tl::unexpected<Error>(parts.error()));
    if (!parts->is_unix && parts->port == 0)
      return end(invalid(fmt::format("cannot connect to '{}': port 0 is none to connect to",
                                     quotable(address_.text, 200))));
    deadline_ = loop_.call_at(loop_.now() + kConnectTimeout, [this] { time_out(); });
    if (parts->is_unix) {
      places_.push_back(unix_socket_address(parts->path));
      return try_next();
    }
    if (Result<std::vector<SocketAddress>> places = look_up(*parts, true); !places->empty())
      return found(std::move(places));
    // The system waits for name servers as long as it likes: nobody joins this thread.
    std::thread([mailbox = loop_.mailbox(), parts = *parts, find = std::move(find)] {
      auto places = look_up(parts, false);
      mailbox->post([find, places = std::move(places)] {
        if (Attempt* const attempt = find()) attempt->found(places);
      });
    }).detach();
  }

 private:
  void found(Result<std::vector<SocketAddress>> places) {
    if (!places) return end(tl::unexpected<Error>(std::move(places).error()));
    places_.assign(places->begin(), places->end());
    try_next();
  }

  void try_next() {
    if (places_.empty()) return end(tl::unexpected<Error>(last_));
    const SocketAddress place = places_.front();
    Result<Descriptor> made = make_socket(place);
    if (!made) return end(tl::unexpected<Error>(std::move(made).error()));
    socket_ = std::move(*made);
    const int error =
        ::connect(socket_.number(), place.get(), place.size) == 0 ? 0 : std::exchange(errno, 0);
    if (error == 0) return connected();
    if (error == EINPROGRESS) {
      watch_ = loop_.watch(socket_.number(), EPOLLOUT, [this](std::uint32_t) { answered(); });
    } else if (error == EAGAIN) {
      retry_ = loop_.call_at(loop_.now() + kRetry, [this] { try_next(); });
    } else {
      failed(error);
    }
  }

  void answered() {
    loop_.unwatch(std::exchange(watch_, 0));
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket_.number(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error == 0) return connected();
    failed(error);
  }

  void failed(int error) {
    last_ = system_error("connect to", address_.text, error);
    if (error != EACCES && error != EPERM) last_.code = ErrorCode::unavailable;
    socket_.reset();
    places_.pop_front();
    try_next();
  }

  void connected() {
    if (places_.front().bytes.ss_family != AF_UNIX) send_at_once(socket_.number());
    end(std::make_unique<RealConnection>(loop_, std::move(socket_), address_.text));
  }

  void time_out() {
    end(fail(ErrorCode::deadline_exceeded,
             fmt::format("cannot connect to '{}': no answer within {} s",
                         quotable(address_.text, 200), kConnectTimeout.value)));
  }

  /// Destroys this attempt.
  void end(Result<std::unique_ptr<Connection>> result) {
    const Callback callback = std::move(on_end_);
    callback(std::move(result));
  }

  EventLoop& loop_;
  Address address_;
  Callback on_end_;
  std::deque<SocketAddress> places_;  ///< To be tried; the first is being tried.
  Descriptor socket_;
  Error last_{ErrorCode::unavailable, "no address"};
  EventLoop::WatchId watch_ = 0;
  TimerId deadline_ = 0;
  TimerId retry_ = 0;
};

RealNetwork::RealNetwork(EventLoop& loop) : loop_(loop) {}
RealNetwork::~RealNetwork() = default;

Result<std::unique_ptr<Listener>> RealNetwork::listen(
    const Address& address, std::function<void(std::unique_ptr<Connection>)> on_accept) {
  return RealListener::make(loop_, address, std::move(on_accept));
}

void RealNetwork::connect(const Address& address,
                          std::function<void(Result<std::unique_ptr<Connection>>)> on_result) {
  const std::uint64_t number = ++last_attempt_;
  const auto find = [this, number]() -> Attempt* {
    const auto entry = attempts_.find(number);
    return entry == attempts_.end() ? nullptr : entry->second.get();
  };
  const auto on_end =
      [this, number, on_result = std::move(on_result)](Result<std::unique_ptr<Connection>> result) {
        attempts_.erase(number);
        on_result(std::move(result));
      };
  attempts_.emplace(number, std::make_unique<Attempt>(loop_, address, on_end));
  // From the loop, so that the answer never comes from within this call.
  loop_.mailbox()->post([find] {
    if (Attempt* const attempt = find()) attempt->start(find);
  });
}

}  // namespace bourse
