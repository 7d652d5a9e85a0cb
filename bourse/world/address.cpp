#include "bourse/world/address.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <charconv>

#include "bourse/base/text.h"

namespace bourse {
namespace {

tl::unexpected<Error> bad_address(const Address& address, std::string_view why) {
  return invalid(
      fmt::format("address '{}': {}; write unix:/path, tcp:host:port or tcp:[ipv6 address]:port",
                  quotable(address.text, 200), why));
}

Result<AddressParts> parse_tcp(const Address& address, std::string_view rest) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return bad_address(address, "there is no port");
  std::string_view host = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  AddressParts parts;
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), parts.port);
  if (code != std::errc() || end != port.data() + port.size())
    return bad_address(address, "the port is no number from 0 to 65535");
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return bad_address(address, "an IPv6 address needs brackets");
  if (host.empty()) return bad_address(address, "there is no host");
  parts.host = host;
  return parts;
}

}  // namespace

Result<AddressParts> parse_address(const Address& address) {
  const std::string_view text = address.text;
  if (text.find('\0') != std::string_view::npos) return bad_address(address, "a zero byte");
  if (text.starts_with("tcp:")) return parse_tcp(address, text.substr(4));
  if (!text.starts_with("unix:")) return bad_address(address, "neither unix nor tcp");
  const std::string_view path = text.substr(5);
  if (path.empty()) return bad_address(address, "there is no path");
  constexpr std::size_t kPathSize = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() > kPathSize)
    return bad_address(
        address, fmt::format("the path has {} bytes, the system takes {}", path.size(), kPathSize));
  return AddressParts{.is_unix = true, .path = std::string(path)};
}

Address tcp_address(const std::string& host, std::uint16_t port) {
  const bool needs_brackets = host.find(':') != std::string::npos;
  return {needs_brackets ? fmt::format("tcp:[{}]:{}", host, port)
                         : fmt::format("tcp:{}:{}", host, port)};
}

}  // namespace bourse
