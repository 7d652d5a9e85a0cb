#include "apps/bourse/server_address.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
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
  const auto wrong = invalid(fmt::format(
      "'{}' is no address of a daemon; use unix:/path or http://host:port", quotable(whole)));
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

}  // namespace

std::string ServerAddress::text() const {
  if (!socket.empty()) return "unix:" + socket;
  return host.find(':') == std::string::npos ? fmt::format("http://{}:{}", host, port)
                                             : fmt::format("http://[{}]:{}", host, port);
}

Result<ServerAddress> parse_server_address(std::string_view text) {
  std::string_view rest = trim(text);
  if (rest.starts_with('/'))
    return ServerAddress{.socket = std::string(rest), .host = {}, .port = 0};
  if (rest.starts_with("unix:") && rest.size() > 5)
    return ServerAddress{.socket = std::string(rest.substr(5)), .host = {}, .port = 0};
  for (const std::string_view scheme : {"http://", "tcp:"})
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  return parse_host_and_port(rest, text);
}

std::string default_socket() { return sockets().front(); }

Result<ServerAddress> server_address(const std::string& named) {
  const std::string text = named.empty() ? variable("BOURSE_SERVER") : named;
  if (!text.empty()) return parse_server_address(text);
  const std::vector<std::string> paths = sockets();
  for (const std::string& path : paths)
    if (exists(path)) return ServerAddress{.socket = path, .host = {}, .port = 0};
  return ServerAddress{.socket = paths.front(), .host = {}, .port = 0};
}

void add_server_option(CLI::App& app, std::string& target) {
  app.add_option("--server", target,
                 "The daemon: unix:/path or http://host:port (default: $BOURSE_SERVER, else its "
                 "socket in $XDG_RUNTIME_DIR/bourse or ~/.local/state/bourse)")
      ->type_name("ADDRESS");
}

}  // namespace bourse
