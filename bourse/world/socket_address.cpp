#include "bourse/world/socket_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "bourse/base/text.h"
#include "bourse/world/system_error.h"

namespace bourse {

SocketAddress unix_socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  SocketAddress result{.size = sizeof address};
  std::memcpy(&result.bytes, &address, sizeof address);
  return result;
}

Result<std::vector<SocketAddress>> look_up(const AddressParts& parts, bool only_numbers) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_NUMERICSERV | (only_numbers ? AI_NUMERICHOST : 0);
  addrinfo* first = nullptr;
  const std::string port = std::to_string(parts.port);
  const int error = getaddrinfo(parts.host.c_str(), port.c_str(), &wanted, &first);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(first, [](addrinfo* list) {
    if (list) freeaddrinfo(list);
  });
  std::vector<SocketAddress> addresses;
  if (error != 0 && only_numbers) return addresses;
  if (error != 0)
    return fail(
        ErrorCode::unavailable,
        fmt::format("cannot find host '{}': {}", quotable(parts.host, 200), gai_strerror(error)));
  for (const addrinfo* info = first; info; info = info->ai_next) {
    SocketAddress address{.size = info->ai_addrlen};
    std::memcpy(&address.bytes, info->ai_addr, info->ai_addrlen);
    addresses.push_back(address);
  }
  return addresses;
}

Result<Descriptor> make_socket(const SocketAddress& address) {
  Descriptor made(socket(address.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.is_open()) return system_failure("make", "socket", errno);
  return made;
}

void send_at_once(int socket) {
  const int yes = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace bourse
