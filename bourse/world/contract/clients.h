#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bourse/world/world.h"

namespace bourse {

/// Sends everything back until its peer closes.
class EchoServer {
 public:
  EchoServer(World& world, const Address& address)
      : listener_(world.network.listen(address, [this](std::unique_ptr<Connection> connection) {
          const int number = ++count;
          Connection& peer = *connection;
          peer.on_data([&peer](std::string_view bytes) { peer.send(bytes); });
          peer.on_close([this, number](const Error&) { clients.erase(number); });
          clients[number] = std::move(connection);
        })) {}

  [[nodiscard]] Address address() const { return listener_.value()->address(); }
  [[nodiscard]] bool is_listening() const { return listener_.has_value(); }
  [[nodiscard]] const Error& error() const { return listener_.error(); }

  std::map<int, std::unique_ptr<Connection>> clients;
  int count = 0;

 private:
  Result<std::unique_ptr<Listener>> listener_;
};

/// What became of a call of connect().
struct Client {
  Client(World& world, const Address& address) {
    world.network.connect(address, [this](Result<std::unique_ptr<Connection>> result) {
      if (!result) {
        failure = result.error();
        return;
      }
      connection = std::move(*result);
      connection->on_data([this](std::string_view bytes) { received += bytes; });
      connection->on_close([this](const Error& error) { closed = error; });
    });
  }

  [[nodiscard]] bool is_answered() const { return connection || failure; }

  std::unique_ptr<Connection> connection;
  std::optional<Error> failure;
  std::optional<Error> closed;
  std::string received;
};

}  // namespace bourse
