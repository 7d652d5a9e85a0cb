#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bourse/engine/agent_protocol.h"
#include "bourse/engine/alive.h"
#include "bourse/world/world.h"

namespace bourse {

/// An agent's way to its daemon: connects, and connects again with growing pauses whenever it is
/// broken or the daemon sends what is no message.
class AgentLink {
 public:
  struct Listener {
    std::function<void()> on_connect;
    std::function<void(const AgentMessage&)> on_message;  ///< May destroy the link.
    std::function<void(std::string_view sentence)> log;
  };

  AgentLink(World& world, Address daemon, Listener listener);
  ~AgentLink();
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;

  void connect();
  /// Lost if there is no connection.
  void send(const AgentMessage& message);
  [[nodiscard]] bool is_connected() const { return connection_ != nullptr; }
  /// The daemon takes what is sent. False while it is not there or does not read.
  [[nodiscard]] bool is_clear() const;

 private:
  void on_connection(Result<std::unique_ptr<Connection>> connection);
  void on_data(std::string_view bytes);
  void try_again();

  World& world_;
  Address daemon_;
  Listener listener_;
  std::unique_ptr<Connection> connection_;
  MessageReader reader_;
  Seconds pause_;
  TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace bourse
