#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// Where a peer listens: "unix:/path" or "tcp:host:port" (host may be an IPv6 address in brackets;
/// port 0 listens at a port that is free).
struct Address {
  std::string text;
  friend bool operator==(const Address&, const Address&) = default;
};

/// One end of an ordered stream of bytes. Closed when it is destroyed.
class Connection {
 public:
  virtual ~Connection() = default;
  /// Queues bytes; they are sent in order as the peer takes them. Nothing happens once closed.
  virtual void send(std::string_view bytes) = 0;
  /// Bytes queued and not yet taken by the system; the sender bounds them.
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  /// Called with bytes in the order sent, in pieces of any size. Set both within the callback that
  /// hands over the connection. Both may destroy the connection.
  virtual void on_data(std::function<void(std::string_view)> callback) = 0;
  /// Called once when the peer closes or the connection breaks; not when we close it.
  virtual void on_close(std::function<void(const Error&)> callback) = 0;
  /// The user at the other end of a unix socket; -1 over TCP.
  [[nodiscard]] virtual std::int64_t peer_user() const = 0;
};

/// Listens until it is destroyed.
class Listener {
 public:
  virtual ~Listener() = default;
  /// With the port that was chosen.
  [[nodiscard]] virtual Address address() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;
  /// A unix socket is made with mode 0600; one that nobody listens at any more is replaced.
  /// Errors: already_exists if somebody listens there, invalid_argument if it is no address.
  [[nodiscard]] virtual Result<std::unique_ptr<Listener>> listen(
      const Address& address, std::function<void(std::unique_ptr<Connection>)> on_accept) = 0;
  /// Calls back once, with a connection or with unavailable (nobody listens, no route) or
  /// deadline_exceeded (no answer within 5 s).
  virtual void connect(const Address& address,
                       std::function<void(Result<std::unique_ptr<Connection>>)> on_result) = 0;
};

}  // namespace bourse
