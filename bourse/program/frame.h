#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/program/wire.h"

namespace bourse::program {

/// What travels between processes. A frame is, all little-endian:
///
///     header     56 bytes, as FrameHeader has them
///     lengths    8 bytes for each segment
///     chain      4 bytes for each node that waits for this call
///     head       the small parts of a message
///     segments   its large blocks, one after the other
///
/// A connection begins with hello (run token, fingerprint of the program) and its answer, welcome
/// or error; nothing else is read before.
enum class FrameKind : std::uint8_t { hello = 1, welcome, request, reply, error, cancel };

/// The first bytes of every frame, and how many nodes may wait for a call.
inline constexpr std::uint32_t kFrameMagic = 0x31425242;  // "BRB1"
inline constexpr std::size_t kMostChain = 256;

struct FrameHeader {
  std::uint32_t magic = kFrameMagic;
  FrameKind kind = FrameKind::request;
  std::uint8_t code = 0;      ///< CallCode of an error.
  std::uint8_t priority = 0;  ///< Higher goes first.
  std::uint8_t reserved = 0;
  std::uint64_t call = 0;        ///< Chosen by the caller, unique in its connection.
  std::uint64_t method = 0;      ///< MethodInfo::id. In welcome: the incarnation.
  std::uint64_t schema = 0;      ///< MethodInfo::schema. In hello: the fingerprint.
  std::uint64_t timeout_us = 0;  ///< Until the deadline; 0: none.
  std::uint32_t node = 0;
  std::uint16_t chain_count = 0;
  std::uint16_t segment_count = 0;
  std::uint32_t head_size = 0;
  std::uint32_t reserved_too = 0;
};
/// So that it can be copied.
static_assert(sizeof(FrameHeader) == 56, "the header is written as it stands in memory");

/// One frame: what its header says, and what it carries.
struct Frame {
  FrameHeader header;
  std::vector<std::uint32_t> chain;
  Message message;
};

/// The bytes before the head, with the counts and sizes of `frame` set.
[[nodiscard]] std::string frame_prefix(const Frame& frame);

/// What a peer may make us keep.
struct FrameLimits {
  std::size_t message_size = std::size_t{1} << 30;
};

/// Turns bytes, in pieces of any size, into frames. The first bad byte ends it: why() says what was
/// wrong, and nothing more is taken.
class FrameParser {
 public:
  explicit FrameParser(FrameLimits limits = {}) : limits_(limits) {}

  void set_limits(FrameLimits limits) { limits_ = limits; }
  /// Takes bytes; complete frames are added to `frames`.
  void feed(std::string_view bytes, std::vector<Frame>& frames);
  /// Where the next bytes of a large block belong, so that they need not be copied; empty if they
  /// are not those of one. advance() says how many were put there.
  [[nodiscard]] std::span<char> target();
  void advance(std::size_t count, std::vector<Frame>& frames);

  [[nodiscard]] bool is_broken() const { return !why_.empty(); }
  [[nodiscard]] const std::string& why() const { return why_; }
  /// True if no frame has been begun.
  [[nodiscard]] bool is_between_frames() const {
    return stage_ == Stage::header && prefix_.empty() && !is_broken();
  }

 private:
  enum class Stage : std::uint8_t { header, tables, head, segments };

  void take_header();
  void take_tables();
  void next_segment();
  void finish_blocks(std::vector<Frame>& frames);
  /// Adds to prefix_ until it has `size` bytes; true once it has.
  bool fill_prefix(std::string_view& bytes, std::size_t size);

  FrameLimits limits_;
  Stage stage_ = Stage::header;
  Frame frame_;
  std::string prefix_;
  std::vector<std::uint64_t> lengths_;
  char* block_ = nullptr;  ///< Where the head, or the segment, that is being read goes on.
  std::size_t block_left_ = 0;
  std::string why_;
};

}  // namespace bourse::program
