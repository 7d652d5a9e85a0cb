#include "bourse/engine/agent_seal.h"

// An agent lives for one cell. These functions need no setting up of the library, which takes
// longer than all that an agent does at its start.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <utility>

namespace bourse {
namespace {

constexpr std::string_view kProvedPrefix = "proved-";
static_assert(kAgentTagSize == SHA256_DIGEST_LENGTH);

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

void add(SHA256_CTX& hash, std::string_view text) {
  SHA256_Update(&hash, text.data(), text.size());
}

std::string_view text_in(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest digest_of(SHA256_CTX hash) {
  Digest digest;
  SHA256_Final(digest.data(), &hash);
  return digest;
}

/// HMAC with one key, whose own part of the work is done once.
class Hmac {
 public:
  explicit Hmac(std::string_view key) {
    std::array<unsigned char, SHA256_CBLOCK> block{};
    SHA256_CTX hash;
    SHA256_Init(&hash);
    add(hash, key);
    // A key that is longer than a block is hashed.
    if (key.size() > block.size()) {
      SHA256_Final(block.data(), &hash);
    } else {
      for (std::size_t i = 0; i < key.size(); ++i) block[i] = static_cast<unsigned char>(key[i]);
    }
    inner_ = padded(block, 0x36);
    outer_ = padded(block, 0x5C);
  }

  /// Of the two texts one after the other.
  [[nodiscard]] Digest of(std::string_view first, std::string_view second = {}) const {
    SHA256_CTX inner = inner_;
    add(inner, first);
    add(inner, second);
    SHA256_CTX outer = outer_;
    add(outer, text_in(digest_of(inner)));
    return digest_of(outer);
  }

 private:
  static SHA256_CTX padded(std::array<unsigned char, SHA256_CBLOCK> block, unsigned char pad) {
    for (unsigned char& byte : block) byte = static_cast<unsigned char>(byte ^ pad);
    SHA256_CTX hash;
    SHA256_Init(&hash);
    SHA256_Update(&hash, block.data(), block.size());
    return hash;
  }

  SHA256_CTX inner_;
  SHA256_CTX outer_;
};

std::string number_text(std::uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8)
    bytes += static_cast<char>(number >> static_cast<unsigned>(shift) & 0xFF);
  return bytes;
}

}  // namespace

std::string make_cell_secret(RandomSource& random) {
  return std::string(kProvedPrefix) + random.token();
}

bool is_said_in_plain(std::string_view secret) { return !secret.starts_with(kProvedPrefix); }

bool is_same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hmac_sha256(std::string_view key, std::string_view text) {
  return std::string(text_in(Hmac(key).of(text)));
}

/// The messages in one direction.
struct AgentSeal::Way {
  Hmac key;
  std::uint64_t count = 0;  ///< Messages so far.

  std::string next_tag(std::string_view text) {
    return std::string(text_in(key.of(number_text(count++), text)));
  }
};

AgentSeal::AgentSeal(End ours, const Handshake& handshake) {
  // A nonce has no end of line in it, nor has the name of a cell: nothing can be read two ways.
  const std::string session =
      hmac_sha256(handshake.secret, "bourse agent 2\n" + text_of(handshake.cell) + "\n" +
                                        handshake.agent_nonce + "\n" + handshake.daemon_nonce);
  const auto way = [&session](std::string_view from) {
    return std::make_unique<Way>(Hmac(hmac_sha256(session, from)));
  };
  out_ = way(ours == End::agent ? "agent" : "daemon");
  in_ = way(ours == End::agent ? "daemon" : "agent");
}

AgentSeal::~AgentSeal() = default;
AgentSeal::AgentSeal(AgentSeal&&) noexcept = default;
AgentSeal& AgentSeal::operator=(AgentSeal&&) noexcept = default;

std::string AgentSeal::seal(const AgentMessage& message) {
  const std::string text = message_text(message);
  return frame_bytes(text, out_->next_tag(text));
}

Result<AgentMessage> AgentSeal::open(const AgentFrame& frame) {
  if (!is_same_secret(frame.tag, in_->next_tag(frame.text)))
    return fail(ErrorCode::unauthenticated,
                "a message does not carry the tag that the secret of its cell gives it");
  return parse_message(frame.text);
}

}  // namespace bourse
