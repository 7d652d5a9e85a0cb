#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/service/api.h"

namespace bourse {

struct HttpOptions {
  std::string socket;              ///< Path of a unix socket, mode 0600; empty: none.
  std::string host = "127.0.0.1";  ///< For TCP.
  int port = -1;                   ///< 0: one that is free; -1: no TCP.
  Seconds answer_within{10};       ///< How long a request waits for the loop.
  std::size_t requests_max =
      32;  ///< Answered at once, on each of the two; more wait to be accepted.
  std::size_t streams_max = 24;  ///< Of them, events and followed logs, on both; more are refused.
};

/// Serves the API (docs/openapi.json). Threads of its own take requests; all calls of the Api are
/// made on the daemon's loop. Over TCP, requests of web pages of other origins are refused.
class HttpServer {
 public:
  /// Listens and serves from now on. `post` runs what it is given on the loop, later, from any
  /// thread; it and the Api outlive the server.
  /// Errors: already_exists if another process listens there; invalid_argument if the path of the
  /// socket is too long; unavailable if it cannot listen, with the reason.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
      Api& api, std::function<void(std::function<void()>)> post, const HttpOptions& options);
  /// Ends all requests. From the loop: what is still in its queue is not done.
  ~HttpServer();

  /// The port that was chosen; -1 without TCP.
  [[nodiscard]] int port() const;
  /// Changes up to this number are in the journal: those who follow are told. Any thread.
  void notify(std::uint64_t last_change);

 private:
  class Implementation;
  explicit HttpServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace bourse
