#include "bourse/service/http_gate.h"

#include <fmt/core.h>
#include <pwd.h>

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "bourse/base/text.h"
#include "bourse/service/audit.h"

namespace bourse {
namespace {

constexpr std::string_view kBearer = "Bearer ";
constexpr std::uint32_t kRoot = 0;

Seconds steady_now() {
  using Clock = std::chrono::steady_clock;
  return Seconds(std::chrono::duration<double>(Clock::now().time_since_epoch()).count());
}

std::string in_lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

/// The name in "name:port" or "[::1]:port".
std::string_view host_in(std::string_view host) {
  const auto bracket = host.find(']');
  const auto colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return host.substr(0, colon);
}

std::string login_name(std::uint32_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> space{};
  if (getpwuid_r(uid, &entry, space.data(), space.size(), &found) != 0 || found == nullptr)
    return fmt::format("{}", uid);
  return found->pw_name;
}

HttpReply refusal(ErrorCode code, std::string message) {
  HttpReply reply = error_reply({code, std::move(message)});
  if (code == ErrorCode::unauthenticated) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (code == ErrorCode::resource_exhausted) reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

}  // namespace

std::string audit_line(const AuditEntry& entry) {
  nlohmann::ordered_json json{{"user", entry.user},   {"role", entry.role},
                              {"token", entry.token}, {"address", entry.address},
                              {"uid", nullptr},       {"method", entry.method},
                              {"path", entry.path},   {"status", entry.status}};
  if (entry.uid) json["uid"] = *entry.uid;
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

HttpGate::HttpGate(const HttpContext& context, const HttpOptions& options)
    : context_(context),
      host_(options.host),
      has_tls_(options.tls.has_value()),
      owner_(options.owner),
      requests_(options.rate),
      failures_(options.failures) {}

std::optional<HttpReply> HttpGate::refusal_of(const httplib::Request& request,
                                              HttpConnection& connection, bool is_tcp) {
  // What is packed small may be huge: only what is sent as it is has a known size.
  if (request.has_header("Content-Encoding"))
    return error_reply(
        {ErrorCode::invalid_argument, "a body with Content-Encoding is not read; send it plain"},
        415);
  const HttpPeer& peer = connection.peer();
  const Right right = right_of(request.method, request.path);
  if (request.has_header("Authorization")) {
    if (auto refused = by_token(request.get_header_value("Authorization"), connection))
      return refused;
  } else {
    if (is_tcp && !is_of_this_origin(request))
      return refusal(ErrorCode::permission_denied,
                     "requests of web pages of other origins are refused");
    connection.caller = by_process(peer, is_tcp);
  }
  const bool is_owner = connection.caller && connection.caller->token.empty() &&
                        connection.caller->role == Role::admin;
  const std::string name = connection.caller && !connection.caller->token.empty()
                               ? "token " + connection.caller->token
                               : fmt::format("{} {}", peer.address, peer.uid.value_or(kRoot));
  if (!is_owner && !requests_.take(name, steady_now()))
    return refusal(ErrorCode::resource_exhausted, "too many requests; wait a second");
  if (right == Right::open) return std::nullopt;
  if (!connection.caller)
    return refusal(ErrorCode::unauthenticated,
                   "who asks is not known; send a token, which an admin makes with 'bourse token "
                   "create', or use the daemon's unix socket");
  if (const auto may = check_right(right, *connection.caller); !may)
    return refusal(ErrorCode::permission_denied, may.error().message);
  return std::nullopt;
}

std::optional<HttpReply> HttpGate::by_token(const std::string& header, HttpConnection& connection) {
  const std::string& address = connection.peer().address;
  if (!failures_.has(address, steady_now()))
    return refusal(ErrorCode::resource_exhausted,
                   "too many tokens that are not known; wait a while");
  const std::string token =
      header.starts_with(kBearer) ? header.substr(kBearer.size()) : std::string();
  const auto caller =
      context_.loop.call<Caller>([&api = context_.api, token] { return api.caller_of(token); });
  if (caller) {
    connection.caller = *caller;
    return std::nullopt;
  }
  if (caller.error().code != ErrorCode::unauthenticated) return error_reply(caller.error());
  (void)failures_.take(address, steady_now());
  return refusal(ErrorCode::unauthenticated, caller.error().message);
}

std::optional<Caller> HttpGate::by_process(const HttpPeer& peer, bool is_tcp) const {
  if (!peer.uid) return std::nullopt;
  if (*peer.uid == owner_ || *peer.uid == kRoot)
    return Caller{.user = login_name(*peer.uid), .role = Role::admin, .token = {}};
  // Who was let at the socket is known by name; a port is open to everybody on the machine.
  if (is_tcp) return std::nullopt;
  return Caller{.user = login_name(*peer.uid), .role = Role::user, .token = {}};
}

bool HttpGate::is_of_this_origin(const httplib::Request& request) const {
  const std::string host = request.get_header_value("Host");
  const std::string name = in_lower_case(host_in(host));
  if (name != "localhost" && name != "127.0.0.1" && name != "[::1]" && name != host_) return false;
  const std::string origin = request.get_header_value("Origin");
  return origin.empty() ||
         in_lower_case(origin) == (has_tls_ ? "https://" : "http://") + in_lower_case(host);
}

}  // namespace bourse
