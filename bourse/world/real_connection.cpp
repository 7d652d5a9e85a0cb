#include "bourse/world/real_connection.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

Error broken_connection(const std::string& peer, int number) {
  Error error = system_error("keep the connection to", peer, number);
  error.code = ErrorCode::unavailable;
  return error;
}

}  // namespace

RealConnection::RealConnection(EventLoop& loop, Descriptor socket, std::string peer)
    : loop_(loop), socket_(std::move(socket)), peer_(std::move(peer)) {
  watch_ =
      loop_.watch(socket_.number(), EPOLLIN, [this](std::uint32_t events) { on_events(events); });
}

RealConnection::~RealConnection() { loop_.unwatch(watch_); }

void RealConnection::send(std::string_view bytes) {
  if (watch_ == 0 || is_write_broken_ || bytes.empty()) return;
  const bool was_waiting = unsent() > 0;
  queue_.append(bytes);
  if (!was_waiting) write_queue();
}

void RealConnection::on_data(std::function<void(std::string_view)> callback) {
  on_data_ = std::make_shared<DataCallback>(std::move(callback));
}

void RealConnection::on_close(std::function<void(const Error&)> callback) {
  on_close_ = std::move(callback);
}

std::int64_t RealConnection::peer_user() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(socket_.number(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.ss_family != AF_UNIX)
    return -1;
  ucred peer{};
  socklen_t peer_size = sizeof peer;
  if (getsockopt(socket_.number(), SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) != 0) return -1;
  return static_cast<std::int64_t>(peer.uid);
}

void RealConnection::on_events(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) write_queue();
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) receive();
}

void RealConnection::receive() {
  std::array<char, 64 << 10> piece;
  const ssize_t count = recv(socket_.number(), piece.data(), piece.size(), 0);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count < 0) return broken(broken_connection(peer_, errno));
  if (count == 0)
    return broken(
        {ErrorCode::unavailable, fmt::format("'{}' closed the connection", quotable(peer_, 200))});
  const std::shared_ptr<DataCallback> callback = on_data_;
  if (callback && *callback) (*callback)({piece.data(), static_cast<std::size_t>(count)});
}

void RealConnection::write_queue() {
  while (unsent() > 0) {
    const ssize_t count =
        ::send(socket_.number(), queue_.data() + sent_, unsent(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) {
      // What the peer sent before it went is still to be read; its end tells of the break. Where
      // there is none, because the network is gone, the call below does.
      is_write_broken_ = true;
      queue_.clear();
      sent_ = 0;
      loop_.mailbox()->post(
          [&loop = loop_, watch = watch_, this, error = broken_connection(peer_, errno)] {
            if (loop.is_watched(watch)) broken(error);
          });
      break;
    }
    sent_ += static_cast<std::size_t>(count);
  }
  if (unsent() == 0 || sent_ > queue_.size() / 2) queue_.erase(0, std::exchange(sent_, 0));
  loop_.change(watch_, unsent() > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void RealConnection::broken(const Error& error) {
  loop_.unwatch(std::exchange(watch_, 0));
  socket_.reset();
  queue_.clear();
  sent_ = 0;
  const auto callback = std::move(on_close_);
  if (callback) callback(error);
}

}  // namespace bourse
