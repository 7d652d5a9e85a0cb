#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bourse/engine/agent_protocol.h"
#include "bourse/engine/agent_seal.h"
#include "bourse/engine/alive.h"
#include "bourse/world/world.h"

namespace bourse {

/// An agent's way to its daemon: connects, and connects again with growing pauses whenever it is
/// broken, the daemon sends what is no message, or does not prove that it knows the secret.
class AgentLink {
 public:
  struct Listener {
    std::function<void()> on_connect;  ///< The daemon has proved who it is; hello is due.
    std::function<void(const AgentMessage&)> on_message;  ///< May destroy the link.
    std::function<void(std::string_view sentence)> log;
  };

  /// Who is called, and who calls.
  struct Ends {
    Address daemon;
    CellId cell;
    std::string secret;
  };
  AgentLink(World& world, Ends ends, Listener listener);
  ~AgentLink();
  AgentLink(const AgentLink&) = delete;
  AgentLink& operator=(const AgentLink&) = delete;

  void connect();
  /// Lost if there is no connection.
  void send(const AgentMessage& message);
  /// The daemon takes what is sent. False while it is not there or does not read.
  [[nodiscard]] bool is_clear() const;

 private:
  void on_connection(Result<std::unique_ptr<Connection>> connection);
  void on_data(std::string_view bytes);
  /// Errors: the daemon is to be left.
  [[nodiscard]] Result<AgentMessage> open(const AgentFrame& frame);
  [[nodiscard]] Result<AgentMessage> open_first(const AgentFrame& frame);
  [[nodiscard]] bool is_ready() const;
  void leave(const Error& error);
  void try_again();

  World& world_;
  Ends ends_;
  Listener listener_;
  std::unique_ptr<Connection> connection_;
  FrameReader reader_;
  std::string nonce_;              ///< Of this connection.
  std::optional<AgentSeal> seal_;  ///< Once the daemon has proved who it is.
  Seconds pause_;
  TimerId timer_ = 0;
  Alive alive_;
};

}  // namespace bourse
