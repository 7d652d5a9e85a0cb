#include "apps/bourse/server_address.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <utility>
#include <vector>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

bool exists(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0;
}

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// The places where a daemon of this user may listen, the usual one first.
std::vector<std::string> sockets() {
  std::vector<std::string> paths;
  const std::string runtime = variable("XDG_RUNTIME_DIR");
  if (!runtime.empty() && exists(runtime)) paths.push_back(runtime + "/bourse/socket");
  const std::string home = variable("HOME");
  paths.push_back((home.empty() ? std::string() : home) + "/.local/state/bourse/socket");
  return paths;
}

Result<ServerAddress> parse_host_and_port(std::string_view text, std::string_view whole) {
  const auto wrong =
      invalid(fmt::format("'{}' is no address of a daemon; use unix:/path, http://host:port or "
                          "https://host:port",
                          quotable(whole)));
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const Result<double> port = parse_number(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535 || *port != static_cast<int>(*port) || host.empty() ||
      host.find('/') != std::string_view::npos)
    return wrong;
  return ServerAddress{.socket = {}, .host = std::string(host), .port = static_cast<int>(*port)};
}

constexpr std::string_view kPin = "#sha256:";
constexpr std::size_t kPinSize = 64;

/// Takes the fingerprint off the end of an address. Errors: invalid_argument.
Result<std::string> take_fingerprint(std::string_view& text) {
  const auto at = text.find('#');
  if (at == std::string_view::npos) return std::string();
  std::string_view pin = text.substr(at);
  const bool has_kind = pin.starts_with(kPin);
  if (has_kind) pin.remove_prefix(kPin.size());
  std::string digits;
  for (const char c : pin) {
    if (c == ':') continue;
    digits += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (!has_kind || digits.size() != kPinSize ||
      digits.find_first_not_of("0123456789abcdef") != std::string::npos)
    return invalid(fmt::format("'{}' is no fingerprint; use {} and {} hexadecimal digits",
                               quotable(text.substr(at)), kPin, kPinSize));
  text = text.substr(0, at);
  return digits;
}

/// The token in $BOURSE_TOKEN, or else in the file of the user; empty if there is none.
Result<std::string> own_token() {
  std::string token = variable("BOURSE_TOKEN");
  if (!token.empty()) return token;
  const std::string path = variable("HOME") + "/.config/bourse/token";
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return token;
  if ((status.st_mode & 077) != 0)
    return invalid(fmt::format("others may read the token in '{}'; chmod 600 it", path));
  std::ifstream stream(path);
  std::getline(stream, token);
  return std::string(trim(token));
}

}  // namespace

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host == "::1" || host == "[::1]";
}

std::string ServerAddress::text() const {
  if (!socket.empty()) return "unix:" + socket;
  const std::string_view scheme = is_tls ? "https" : "http";
  return host.find(':') == std::string::npos ? fmt::format("{}://{}:{}", scheme, host, port)
                                             : fmt::format("{}://[{}]:{}", scheme, host, port);
}

Result<ServerAddress> parse_server_address(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest.starts_with('/')) return ServerAddress{.socket = std::string(rest)};
  if (rest.starts_with("unix:") && rest.size() > 5)
    return ServerAddress{.socket = std::string(rest.substr(5)), .host = {}, .port = 0};
  for (const std::string_view scheme : {"http://", "tcp:"})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  constexpr std::string_view kTls = "https://";
  const bool is_tls = rest.starts_with(kTls);
  std::string fingerprint;
  if (is_tls) {
    rest.remove_prefix(kTls.size());
    BOURSE_TRY(fingerprint, take_fingerprint(rest));
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  BOURSE_TRY(ServerAddress address, parse_host_and_port(rest, text));
  address.is_tls = is_tls;
  address.fingerprint = std::move(fingerprint);
  return address;
}

std::string default_socket() { return sockets().front(); }

Result<ServerAddress> server_address(const std::string& named) {
  const std::string text = named.empty() ? variable("BOURSE_SERVER") : named;
  if (!text.empty()) {
    BOURSE_TRY(ServerAddress address, parse_server_address(text));
    if (!address.socket.empty()) return address;
    address.ca = variable("BOURSE_CA");
    BOURSE_TRY(address.token, own_token());
    if (!address.token.empty() && !address.is_tls && !is_loopback(address.host))
      return invalid(fmt::format("a token is not sent to '{}' in the open; use https", text));
    return address;
  }
  const std::vector<std::string> paths = sockets();
  for (const std::string& path : paths)
    if (exists(path)) return ServerAddress{.socket = path, .host = {}, .port = 0};
  return ServerAddress{.socket = paths.front(), .host = {}, .port = 0};
}

void add_server_option(CLI::App& app, std::string& target) {
  app.add_option("--server", target,
                 "The daemon: unix:/path, http://host:port or https://host:port#sha256:FINGERPRINT "
                 "(default: $BOURSE_SERVER, else its socket in $XDG_RUNTIME_DIR/bourse or "
                 "~/.local/state/bourse)")
      ->type_name("ADDRESS");
}

}  // namespace bourse
