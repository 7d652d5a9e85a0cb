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
/// Head and segments are cut after every kBlock bytes, so that what is urgent need not wait for the
/// end of what is large: before each further block stands a BlockMark of 8 bytes.
///
/// A connection begins with hello (run token, fingerprint of the program) and its answer, welcome
/// or error; nothing else is read before. A server that has calls under way says from time to time
/// that it is alive.
enum class FrameKind : std::uint8_t { hello = 1, welcome, request, reply, error, cancel, alive };

/// Bytes between two places at which a frame may be interrupted.
inline constexpr std::size_t kBlock = std::size_t{256} << 10;
/// What comes after a block that is not the last of its frame: the next, or first a whole frame of
/// higher priority, and then a mark again.
enum class BlockMark : std::uint64_t { goes_on = 0x3142'4242'4e4f'4f47, urgent };
/// A frame may interrupt one that interrupts another, so often.
inline constexpr std::size_t kMostInterrupted = 4;

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
/// The same, into memory that has room for prefix_size() bytes.
[[nodiscard]] std::size_t prefix_size(const Frame& frame);
void write_prefix(const Frame& frame, char* to);

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
  /// How many bytes beyond target() to read at most: no more than a mark if another block is to
  /// follow, so that it, too, need not be copied.
  [[nodiscard]] std::size_t most_beyond_target(std::size_t most) const;

  [[nodiscard]] bool is_broken() const { return !why_.empty(); }
  [[nodiscard]] const std::string& why() const { return why_; }
  /// True if no frame has been begun.
  [[nodiscard]] bool is_between_frames() const {
    return stage_ == Stage::header && prefix_.empty() && interrupted_.empty() && !is_broken();
  }
  /// True if a frame has begun that others may interrupt.
  [[nodiscard]] bool is_amid_large() const {
    return stage_ == Stage::mark || !interrupted_.empty() || now_.body_left > kBlock;
  }

 private:
  enum class Stage : std::uint8_t { header, tables, body, mark };
  /// A frame, as far as it has been read.
  struct Reading {
    Frame frame;
    std::vector<std::uint64_t> lengths;
    char* part = nullptr;  ///< Where the head, or the segment, that is being read goes on.
    std::size_t part_left = 0;
    std::size_t block_left = 0;  ///< Until the next mark.
    std::size_t body_left = 0;
  };

  void take_header();
  void take_tables();
  void take_mark();
  void next_segment();
  void begin_block();
  void finish_parts(std::vector<Frame>& frames);
  /// Adds to prefix_ until it has `size` bytes; true once it has.
  bool fill_prefix(std::string_view& bytes, std::size_t size);

  FrameLimits limits_;
  Stage stage_ = Stage::header;
  Reading now_;
  std::vector<Reading> interrupted_;  ///< The innermost last.
  std::string prefix_;
  std::string why_;
};

}  // namespace bourse::program
