#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/engine/cell.h"

// What the daemon and the agent in a cell say to each other. A message is its length in bytes (four
// bytes, the highest first) and one JSON object of that length.
namespace bourse {

/// Version of the protocol. It grows when a field changes its meaning or goes.
inline constexpr int kAgentProtocol = 1;
/// Longest message without its length, bytes.
inline constexpr std::size_t kMaxAgentMessage = 64 << 10;
/// Longest text within a message that still surely fits, bytes. Senders cut longer ones.
inline constexpr std::size_t kMaxAgentText = 1000;

/// First message of an agent: which cell it is, and where that stands.
struct AgentHello {
  CellId cell;
  std::string token;
  ProcessId agent;
  CellPhase phase = CellPhase::starting;
  std::uint64_t last_event = 0;  ///< Largest number of an event so far.
  friend bool operator==(const AgentHello&, const AgentHello&) = default;
};
/// To the agent: its cell is current, start the tasks. Nothing happens if they were started.
struct AgentGo {
  friend bool operator==(const AgentGo&, const AgentGo&) = default;
};
/// To the agent: its cell is not current. It kills all at once, leaves, and tells nothing.
struct AgentEnd {
  std::string reason;  ///< For its log.
  friend bool operator==(const AgentEnd&, const AgentEnd&) = default;
};
/// To the agent: SIGTERM to the tasks, SIGKILL after `grace`; at once if urgent.
struct AgentStop {
  Seconds grace{30};
  bool is_urgent = false;
  friend bool operator==(const AgentStop&, const AgentStop&) = default;
};
/// To the agent: events up to this number are safe.
struct AgentAcknowledge {
  std::uint64_t number = 0;
  friend bool operator==(const AgentAcknowledge&, const AgentAcknowledge&) = default;
};
/// Sent by the agent and echoed by the daemon. The lease counts from when the agent sent the last
/// one that came back, so the daemon has heard of it since.
struct AgentHeartbeat {
  Seconds sent{0};  ///< By the agent's clock; means nothing to others.
  friend bool operator==(const AgentHeartbeat&, const AgentHeartbeat&) = default;
};

/// Any of them.
using AgentMessage = std::variant<AgentHello, AgentGo, AgentEnd, AgentStop, AgentAcknowledge,
                                  AgentHeartbeat, CellEvent>;

/// The bytes of a message. Requires numbers that are finite and texts of at most kMaxAgentText.
[[nodiscard]] std::string encode(const AgentMessage& message);

struct DecodedMessages {
  std::vector<AgentMessage> messages;
  std::size_t size = 0;  ///< Bytes that they took; the rest begins a message not yet whole.
};

/// The messages at the front of a stream. Errors: data_corrupted or invalid_argument if it cannot
/// be one, whatever follows. Cost: linear.
[[nodiscard]] Result<DecodedMessages> decode_messages(std::string_view bytes);

/// Puts messages together from pieces of any size. Holds at most one message.
class MessageReader {
 public:
  /// Messages that are whole now. Errors: as decode_messages; the stream is of no use after.
  [[nodiscard]] Result<std::vector<AgentMessage>> add(std::string_view bytes);

 private:
  std::string rest_;
};

}  // namespace bourse
