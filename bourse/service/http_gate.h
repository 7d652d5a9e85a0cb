#pragma once

#include <optional>
#include <string>

#include "bourse/service/http_connection.h"
#include "bourse/service/http_routes.h"
#include "bourse/service/http_server.h"
#include "bourse/service/rate_limit.h"

namespace bourse {

/// Decides who gets in. Threads of the server call it, for requests whose headers were read and
/// whose bodies were not.
class HttpGate {
 public:
  HttpGate(const HttpContext& context, const HttpOptions& options);

  /// Sets `connection.caller`; the answer if the request is refused.
  [[nodiscard]] std::optional<HttpReply> refusal_of(const httplib::Request& request,
                                                    HttpConnection& connection, bool is_tcp);

 private:
  [[nodiscard]] std::optional<HttpReply> by_token(const std::string& header,
                                                  HttpConnection& connection);
  /// The caller by the user of the process at the other end.
  [[nodiscard]] std::optional<Caller> by_process(const HttpPeer& peer, bool is_tcp) const;
  /// A page of another origin can have a browser send requests to this machine; it cannot choose
  /// the headers Host and Origin, and has no token.
  [[nodiscard]] bool is_of_this_origin(const httplib::Request& request) const;

  const HttpContext& context_;
  std::string host_;
  bool has_tls_;
  std::uint32_t owner_;
  RateLimit requests_;
  RateLimit failures_;
};

}  // namespace bourse
