#pragma once

#include <sys/socket.h>

#include <vector>

#include "bourse/base/error.h"
#include "bourse/world/address.h"
#include "bourse/world/descriptor.h"

namespace bourse {

/// An address as the system takes it.
struct SocketAddress {
  sockaddr_storage bytes{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
};

/// Requires a path that parse_address() took.
[[nodiscard]] SocketAddress unix_socket_address(const std::string& path);

/// Addresses of a host, numbers first. Names are looked up, which may take many seconds, unless
/// `only_numbers`: empty then. Errors: unavailable if the name is not known.
[[nodiscard]] Result<std::vector<SocketAddress>> look_up(const AddressParts& parts,
                                                         bool only_numbers);

/// A non-blocking stream socket for the address. Errors: resource_exhausted, unavailable.
[[nodiscard]] Result<Descriptor> make_socket(const SocketAddress& address);

/// Small messages of TCP go out at once. Nothing for unix sockets.
void send_at_once(int socket);

}  // namespace bourse
