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
// bytes, the highest first) and one JSON object of that length. Where the highest bit of the length
// is set, a tag follows (agent_seal.h): who comes with AgentKnock has tags from the answer on.
namespace bourse {

/// Version of the protocol. It grows when a field changes its meaning or goes. In version 1 an
/// agent began with AgentHello and said its secret; cells that were begun with it end with it.
inline constexpr int kAgentProtocol = 2;
inline constexpr int kPlainAgentProtocol = 1;
/// Size of a tag, bytes.
inline constexpr std::size_t kAgentTagSize = 32;
/// Size of a nonce: so many hexadecimal digits.
inline constexpr std::size_t kAgentNonceSize = 32;
/// Longest message without its length and its tag, bytes.
inline constexpr std::size_t kMaxAgentMessage = 64 << 10;
/// Longest text within a message that still surely fits, bytes. Senders cut longer ones.
inline constexpr std::size_t kMaxAgentText = 1000;

/// First message of an agent: which cell it says it is.
struct AgentKnock {
  CellId cell;
  std::string nonce;  ///< Never used before.
  friend bool operator==(const AgentKnock&, const AgentKnock&) = default;
};
/// The answer of a daemon that knows the cell. Its tag shows that it knows the secret.
struct AgentChallenge {
  std::string nonce;  ///< Never used before.
  friend bool operator==(const AgentChallenge&, const AgentChallenge&) = default;
};
/// What an agent says once it knows that this is its daemon: where its cell stands. Its tag shows
/// that the agent knows the secret.
struct AgentHello {
  CellId cell;
  std::string token;  ///< The secret, in protocol 1; else empty.
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
                                  AgentHeartbeat, CellEvent, AgentKnock, AgentChallenge>;

/// The JSON of a message. Requires numbers that are finite and texts of at most kMaxAgentText.
[[nodiscard]] std::string message_text(const AgentMessage& message);
/// Errors: data_corrupted or invalid_argument if it is none.
[[nodiscard]] Result<AgentMessage> parse_message(std::string_view text);

/// A message on its way. What is in it is believed when its tag is right.
struct AgentFrame {
  std::string text;
  std::string tag;  ///< Empty: it has none.
  friend bool operator==(const AgentFrame&, const AgentFrame&) = default;
};
/// The bytes of a frame. Requires a text of at most kMaxAgentMessage, and no tag or a whole one.
[[nodiscard]] std::string frame_bytes(std::string_view text, std::string_view tag);
/// The bytes of a message without a tag.
[[nodiscard]] std::string encode(const AgentMessage& message);

/// Puts frames together from pieces of any size. Holds at most one frame.
class FrameReader {
 public:
  /// Frames that are whole now. Errors: data_corrupted if one is too long; the stream is of no use
  /// after. Cost: linear.
  [[nodiscard]] Result<std::vector<AgentFrame>> add(std::string_view bytes);

 private:
  std::string rest_;
};

}  // namespace bourse
