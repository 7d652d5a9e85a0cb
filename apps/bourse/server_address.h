#pragma once

#include <string>
#include <string_view>

#include "apps/bourse/cli_forward.h"
#include "bourse/base/error.h"

namespace bourse {

/// Where a daemon listens.
struct ServerAddress {
  std::string socket;  ///< Path of a unix socket; empty: TCP.
  std::string host;    ///< Of TCP; an IPv6 address without brackets.
  int port = 0;

  /// "unix:/run/bourse/socket", "http://127.0.0.1:7077".
  [[nodiscard]] std::string text() const;
};

/// Reads "unix:/path", "/path", "http://host:port", "host:port" or "[::1]:port".
/// Errors: invalid_argument.
[[nodiscard]] Result<ServerAddress> parse_server_address(std::string_view text);

/// Where `bourse serve` listens unless told otherwise: $XDG_RUNTIME_DIR/bourse/socket, or
/// ~/.local/state/bourse/socket if there is no such directory.
[[nodiscard]] std::string default_socket();

/// The address that a person named; if empty, $BOURSE_SERVER; if that is empty, the default socket,
/// or the other one of its two places if only that exists. Errors: as parse_server_address.
[[nodiscard]] Result<ServerAddress> server_address(const std::string& named);

/// Adds --server.
void add_server_option(CLI::App& app, std::string& target);

}  // namespace bourse
