#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/service/api.h"
#include "bourse/service/rate_limit.h"
#include "bourse/service/tls.h"

namespace bourse {

struct HttpOptions {
  std::string socket;  ///< Path of a unix socket, mode 0600; empty: none.
  /// Group whose members may connect to it (mode 0660); nothing: its owner alone.
  std::optional<std::uint32_t> socket_group;
  std::string host = "127.0.0.1";  ///< For TCP.
  int port = -1;                   ///< 0: one that is free; -1: no TCP.
  std::optional<TlsFiles> tls;     ///< Of TCP; nothing: plain HTTP.
  std::uint32_t owner = 0;         ///< User id that is trusted without a token, as root is.
  Seconds answer_within{10};       ///< How long a request waits for the loop.
  std::size_t requests_max =
      32;  ///< Answered at once, on each of the two; more wait to be accepted.
  std::size_t streams_max = 600;  ///< Events and followed logs, on both together; more are refused.
  std::size_t connections_max = 16;             ///< From one address over TCP.
  Seconds request_within{10};                   ///< From the first byte of a request to its last.
  Rate rate{.per_second = 100, .burst = 200};   ///< Of requests by one token, or one address.
  Rate failures{.per_second = 1, .burst = 10};  ///< Of tokens that are not known, by one address.
  /// Called on the loop with a line of JSON for each request that changes something or is refused.
  std::function<void(std::string line)> audit;
};

/// Serves the API (docs/openapi.json). Threads of its own take requests; all calls of the Api are
/// made on the daemon's loop. Who asks is known by a token, or by the user of a process on this
/// machine: the owner and root may do everything, others that reach the unix socket are users.
/// Without a token, requests of web pages of other origins are refused (docs/security.md).
class HttpServer {
 public:
  /// Listens and serves from now on. `post` runs what it is given on the loop, later, from any
  /// thread; it and the Api outlive the server.
  /// Errors: already_exists if another process listens there; invalid_argument if the path of the
  /// socket is too long, or certificate and key cannot be used; unavailable if it cannot listen,
  /// with the reason.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
      Api& api, std::function<void(std::function<void()>)> post, const HttpOptions& options);
  /// Ends all requests. From the loop: what is still in its queue is not done.
  ~HttpServer();

  /// The port that was chosen; -1 without TCP.
  [[nodiscard]] int port() const;
  /// Changes up to this number are in the journal: those who follow are told. From the loop.
  void notify(std::uint64_t last_change);

 private:
  class Implementation;
  explicit HttpServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace bourse
