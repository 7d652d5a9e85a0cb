#pragma once

#include <cstdint>
#include <string>

#include "bourse/base/error.h"
#include "bourse/world/network.h"

namespace bourse {

/// The parts of an Address.
struct AddressParts {
  bool is_unix = false;
  std::string path;  ///< Of a unix socket.
  std::string host;  ///< Name or number, without brackets.
  std::uint16_t port = 0;
};

/// Errors: invalid_argument, with what would be right.
[[nodiscard]] Result<AddressParts> parse_address(const Address& address);

/// "tcp:host:port", with brackets around IPv6.
[[nodiscard]] Address tcp_address(const std::string& host, std::uint16_t port);

}  // namespace bourse
