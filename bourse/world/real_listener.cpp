#include "bourse/world/real_listener.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/world/real_connection.h"
#include "bourse/world/socket_address.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

constexpr int kBacklog = 1024;

/// True if a socket is there whose listener has gone.
bool is_stale(const std::string& path, const SocketAddress& address) {
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const Result<Descriptor> probe = make_socket(address);
  return probe && connect(probe->number(), address.get(), address.size) != 0 &&
         errno == ECONNREFUSED;
}

Result<Descriptor> bind_unix(const Address& address, const std::string& path) {
  const SocketAddress place = unix_socket_address(path);
  BOURSE_TRY(Descriptor made, make_socket(place));
  fchmod(made.number(), 0600);  // before bind(): the file has this mode from the start
  int error = bind(made.number(), place.get(), place.size) == 0 ? 0 : errno;
  if (error == EADDRINUSE && is_stale(path, place)) {
    unlink(path.c_str());
    error = bind(made.number(), place.get(), place.size) == 0 ? 0 : errno;
  }
  if (error != 0) return system_failure("listen at", address.text, error);
  if (::listen(made.number(), kBacklog) != 0)
    return system_failure("listen at", address.text, errno);
  return made;
}

Result<Descriptor> bind_tcp(const Address& address, const AddressParts& parts) {
  BOURSE_TRY(const std::vector<SocketAddress> places, look_up(parts, false));
  int error = EADDRNOTAVAIL;
  for (const SocketAddress& place : places) {
    BOURSE_TRY(Descriptor made, make_socket(place));
    const int yes = 1;
    setsockopt(made.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(made.number(), place.get(), place.size) == 0 && ::listen(made.number(), kBacklog) == 0)
      return made;
    error = errno;
  }
  return system_failure("listen at", address.text, error);
}

std::uint16_t port_of(int socket) {
  sockaddr_storage bytes{};
  socklen_t size = sizeof bytes;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&bytes), &size) != 0) return 0;
  sockaddr_in address{};
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::memcpy(&address, &bytes, sizeof address);
  return ntohs(address.sin_port);
}

}  // namespace

Result<std::unique_ptr<Listener>> RealListener::make(EventLoop& loop, const Address& address,
                                                     Callback on_accept) {
  BOURSE_TRY(const AddressParts parts, parse_address(address));
  BOURSE_TRY(Descriptor made,
             parts.is_unix ? bind_unix(address, parts.path) : bind_tcp(address, parts));
  return std::make_unique<RealListener>(loop, std::move(made), parts, std::move(on_accept));
}

RealListener::RealListener(EventLoop& loop, Descriptor socket, const AddressParts& parts,
                           Callback on_accept)
    : loop_(loop),
      socket_(std::move(socket)),
      path_(parts.path),
      address_(parts.is_unix ? Address{"unix:" + parts.path}
                             : tcp_address(parts.host, port_of(socket_.number()))),
      on_accept_(std::make_shared<Callback>(std::move(on_accept))) {
  struct stat status{};
  if (parts.is_unix && lstat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  watch_ =
      loop_.watch(socket_.number(), EPOLLIN, [this](std::uint32_t /*events*/) { accept_some(); });
}

RealListener::~RealListener() {
  loop_.cancel(resume_);
  loop_.unwatch(watch_);
  struct stat status{};
  const bool is_ours = !path_.empty() && lstat(path_.c_str(), &status) == 0 &&
                       status.st_dev == device_ && status.st_ino == inode_;
  if (is_ours) unlink(path_.c_str());
}

void RealListener::accept_some() {
  // What the loop below still uses when a call has destroyed us.
  EventLoop& loop = loop_;
  const EventLoop::WatchId watch = watch_;
  const std::shared_ptr<Callback> callback = on_accept_;
  constexpr int kAtOnce = 64;
  for (int i = 0; i < kAtOnce && loop.is_watched(watch); ++i) {
    Descriptor accepted(accept4(socket_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!accepted.is_open()) {
      const bool is_full =
          errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
      if (is_full) pause();
      return;
    }
    if (path_.empty()) send_at_once(accepted.number());
    (*callback)(std::make_unique<RealConnection>(loop, std::move(accepted),
                                                 "a client of " + address_.text));
  }
}

/// Nothing can be accepted until a descriptor is free: looks again later instead of in circles.
void RealListener::pause() {
  constexpr Seconds kPause{0.1};
  loop_.change(watch_, 0);
  resume_ = loop_.call_at(loop_.now() + kPause, [this] { loop_.change(watch_, EPOLLIN); });
}

}  // namespace bourse
