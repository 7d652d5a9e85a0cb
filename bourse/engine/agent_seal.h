#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/engine/agent_protocol.h"
#include "bourse/world/random_source.h"

// How daemon and agent prove to each other that they know the secret of a cell, which neither says.
// The agent names its cell and a nonce, the daemon answers with a nonce of its own. From the secret
// and both follow two keys, one for each way, that are of this connection alone. Each message from
// then on, the answer first, carries a tag over its text and its place in the stream. So a message
// that was recorded, altered, left out, moved or sent back is none.
namespace bourse {

/// A secret for a new cell: 128 random bits. Its form says that it is proved, not said.
[[nodiscard]] std::string make_cell_secret(RandomSource& random);

/// True of the secrets of cells that a version with protocol 1 began. Their agents go on as they
/// were started, and say the secret to the daemon, as the daemon expects of them.
[[nodiscard]] bool is_said_in_plain(std::string_view secret);

/// Takes the same time whatever the difference.
[[nodiscard]] bool is_same_secret(std::string_view a, std::string_view b);

/// HMAC-SHA256, 32 bytes. Source: RFC 2104, FIPS 180-4.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);

/// What one end does with the messages of one connection.
class AgentSeal {
 public:
  enum class End : std::uint8_t { agent, daemon };
  /// What the keys follow from.
  struct Handshake {
    std::string secret;
    CellId cell;
    std::string agent_nonce;
    std::string daemon_nonce;
  };

  AgentSeal(End ours, const Handshake& handshake);
  ~AgentSeal();
  AgentSeal(AgentSeal&&) noexcept;
  AgentSeal& operator=(AgentSeal&&) noexcept;

  /// The bytes of our next message. Requires as encode().
  [[nodiscard]] std::string seal(const AgentMessage& message);
  /// The next message of the other end. Errors: unauthenticated if the tag is not the one of this
  /// text at this place, so the other end does not know the secret or the stream was altered; else
  /// as parse_message. The stream is of no use after.
  [[nodiscard]] Result<AgentMessage> open(const AgentFrame& frame);

 private:
  struct Way;
  std::unique_ptr<Way> out_;
  std::unique_ptr<Way> in_;
};

}  // namespace bourse
