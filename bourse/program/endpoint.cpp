#include "bourse/program/endpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bourse/base/text.h"
#include "bourse/world/address.h"
#include "bourse/world/socket_address.h"
#include "bourse/world/system_error.h"

namespace bourse::program {
namespace {

constexpr int kBacklog = 1024;

/// True for loopback and the ranges that no router of the internet forwards.
bool is_local(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    const std::uint32_t ip = ntohl(v4.sin_addr.s_addr);
    return (ip >> 24) == 127 || (ip >> 24) == 10 || (ip >> 20) == 0xAC1 || (ip >> 16) == 0xC0A8;
  }
  if (address.ss_family != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ||
         (v6.sin6_addr.s6_addr[0] & 0xFE) == 0xFC;
}

std::string name_of_this_machine() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

Result<SocketAddress> address_to_listen_at(const AddressParts& parts) {
  if (parts.is_unix) return unix_socket_address(parts.path);
  AddressParts wanted = parts;
  if (parts.host == "*") wanted.host = "::";
  BOURSE_TRY(const auto found, look_up(wanted, false));
  if (found.empty()) return fail(ErrorCode::unavailable, "no address for '" + parts.host + "'");
  return found.front();
}

std::uint16_t port_of(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  sockaddr_in v4{};
  std::memcpy(&v4, &bound, sizeof v4);  // the port stands at the same place for both families
  return ntohs(v4.sin_port);
}

/// Waits until a socket that connects has an answer; its errno, 0 for success.
int result_of_connect(int socket, Deadline until) {
  pollfd wanted{.fd = socket, .events = POLLOUT, .revents = 0};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - now()).count();
  const int wait = static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
  if (poll(&wanted, 1, wait) <= 0) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

Result<ListeningSocket> listen_at(const Address& address) {
  BOURSE_TRY(const AddressParts parts, parse_address(address));
  BOURSE_TRY(const SocketAddress wanted, address_to_listen_at(parts));
  BOURSE_TRY(Descriptor socket, make_socket(wanted));
  const int yes = 1;
  const int no = 0;
  setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (parts.host == "*") setsockopt(socket.number(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
  if (bind(socket.number(), wanted.get(), wanted.size) != 0 ||
      listen(socket.number(), kBacklog) != 0)
    return system_failure("listen at", address.text, errno);
  if (parts.is_unix) return ListeningSocket{std::move(socket), address};
  const std::string host = parts.host == "*" ? name_of_this_machine() : parts.host;
  const std::uint16_t port = port_of(socket.number());
  return ListeningSocket{std::move(socket), tcp_address(host, port)};
}

Result<Descriptor> connect_to(const Address& address, Deadline until) {
  BOURSE_TRY(const AddressParts parts, parse_address(address));
  std::vector<SocketAddress> candidates;
  if (parts.is_unix) {
    candidates.push_back(unix_socket_address(parts.path));
  } else {
    BOURSE_TRY(candidates, look_up(parts, false));
  }
  int error = EHOSTUNREACH;
  for (const SocketAddress& candidate : candidates) {
    BOURSE_TRY(Descriptor socket, make_socket(candidate));
    error = connect(socket.number(), candidate.get(), candidate.size) == 0 ? 0 : errno;
    if (error == EINPROGRESS) error = result_of_connect(socket.number(), until);
    if (error != 0) continue;
    tune(socket.number());
    fcntl(socket.number(), F_SETFL, 0);  // it blocks from now on
    return socket;
  }
  if (error == ETIMEDOUT)
    return fail(ErrorCode::deadline_exceeded,
                fmt::format("cannot connect to '{}': no answer", quotable(address.text, 200)));
  Error failure = system_error("connect to", address.text, error);
  failure.code = ErrorCode::unavailable;
  return tl::unexpected<Error>(std::move(failure));
}

std::string host_of_this_end(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  char host[NI_MAXHOST] = {};
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
      own.ss_family == AF_UNIX ||
      getnameinfo(reinterpret_cast<const sockaddr*>(&own), size, host, sizeof host, nullptr, 0,
                  NI_NUMERICHOST) != 0)
    return {};
  return host;
}

void tune(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
      peer.ss_family == AF_UNIX)
    return;
  send_at_once(socket);
  if (is_local(peer))
    setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, kLocalCongestion.data(),
               static_cast<socklen_t>(kLocalCongestion.size()));
}

std::string congestion_of(int socket) {
  char name[32] = {};
  socklen_t size = sizeof name - 1;
  if (getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name, &size) != 0) return {};
  return name;
}

}  // namespace bourse::program
