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
  bool is_tls = false;      ///< Of TCP: https.
  std::string fingerprint;  ///< SHA-256 of the certificate it must have; empty: see `ca`.
  std::string ca;           ///< File of certificates that are trusted; empty: the system's.
  std::string token;        ///< Sent with each request; empty: none.

  /// "unix:/run/bourse/socket", "http://127.0.0.1:7077".
  [[nodiscard]] std::string text() const;
};

/// True for the names and addresses of this machine alone: "localhost", 127.0.0.0/8, "::1".
[[nodiscard]] bool is_loopback(std::string_view host);

/// Reads "unix:/path", "/path", "http://host:port", "https://host:port", "host:port" or
/// "[::1]:port". Behind https, "#sha256:" and 64 hexadecimal digits pin the certificate. Errors:
/// invalid_argument.
[[nodiscard]] Result<ServerAddress> parse_server_address(std::string_view text);

/// Where `bourse serve` listens unless told otherwise: $XDG_RUNTIME_DIR/bourse/socket, or
/// ~/.local/state/bourse/socket if there is no such directory.
[[nodiscard]] std::string default_socket();

/// The address that a person named; if empty, $BOURSE_SERVER; if that is empty, the default socket,
/// or the other one of its two places if only that exists. Over TCP with the token of
/// $BOURSE_TOKEN, or of ~/.config/bourse/token, and the certificates of $BOURSE_CA. Errors: as
/// parse_server_address; invalid_argument if a token would go over a network in the open, or others
/// may read its file.
[[nodiscard]] Result<ServerAddress> server_address(const std::string& named);

/// Adds --server.
void add_server_option(CLI::App& app, std::string& target);

}  // namespace bourse
