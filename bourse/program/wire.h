#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/program/buffer.h"
#include "bourse/program/call_error.h"

namespace bourse::program {

/// The bytes of numbers are copied as they are.
static_assert(std::endian::native == std::endian::little,
              "bourse::program: values travel as little-endian bytes; this machine is not");

/// A value on its way: small parts in `head`, large blocks out of line, never copied.
struct Message {
  std::string head;
  std::vector<Buffer> segments;

  [[nodiscard]] std::size_t size() const;
  /// Copies what only the caller keeps alive.
  void own();
};

/// Blocks up to this size travel within Message::head.
inline constexpr std::size_t kLargestInline = std::size_t{16} << 10;
/// More blocks than this travel within Message::head too.
inline constexpr std::size_t kMostSegments = 4096;

/// Writes values one after the other.
class WireWriter {
 public:
  /// Blocks that are written live as long as `owner`; without one, as long as the caller says.
  explicit WireWriter(std::shared_ptr<const void> owner = nullptr) : owner_(std::move(owner)) {}

  void bytes(const void* data, std::size_t size) {
    message_.head.append(static_cast<const char*>(data), size);
  }
  template <class Number>
  void number(Number value) {
    bytes(&value, sizeof value);
  }
  /// A length and a block, out of line if it is large.
  void block(const void* data, std::size_t size);
  /// The same; the buffer itself is passed on.
  void block(const Buffer& buffer);

  [[nodiscard]] Message take() { return std::move(message_); }

 private:
  std::shared_ptr<const void> owner_;
  Message message_;
};

/// What decoding may cost, whatever the bytes say.
struct DecodeLimits {
  std::size_t depth = 64;  ///< Values within values.
  /// Bytes of memory for elements of containers beyond `memory_factor` times the message.
  std::size_t memory_base = std::size_t{1} << 20;
  std::size_t memory_factor = 32;
};

/// Reads values one after the other. The first failure sticks: from then on every read gives zeros
/// and ok() is false, so that readers need no branch after each step.
class WireReader {
 public:
  /// `message` stays where it is as long as this reads.
  explicit WireReader(const Message& message, DecodeLimits limits = {});

  [[nodiscard]] bool ok() const { return why_.empty(); }
  /// Why reading failed; empty while it has not.
  [[nodiscard]] const std::string& why() const { return why_; }
  void fail(std::string_view why);
  /// Fails unless everything was read.
  void finish();
  /// Throws CallError{data_loss} if reading has failed.
  void check() const;

  void bytes(void* data, std::size_t size);
  template <class Number>
  [[nodiscard]] Number number() {
    Number value{};
    bytes(&value, sizeof value);
    return value;
  }
  /// A block as it stands in the message; it dies with the message.
  [[nodiscard]] std::string_view block_view();
  /// A block of its own; one that travelled out of line is not copied.
  [[nodiscard]] Buffer block();
  /// The same as memory that nobody else has, to be written too; copied only if it has to be.
  [[nodiscard]] Buffer own_block(std::byte** bytes);
  /// A count of elements, each at least one byte long on the wire and `element_size` in memory.
  [[nodiscard]] std::size_t count(std::size_t element_size);
  /// Takes memory from the budget.
  [[nodiscard]] bool charge(std::size_t size);

  /// One value within another; false if that is too deep.
  [[nodiscard]] bool enter();
  void leave() { ++depth_left_; }

 private:
  [[nodiscard]] std::size_t left() const { return message_.head.size() - at_; }
  /// Length of the next block; sets whether it is out of line.
  std::size_t block_size(bool* is_segment);

  const Message& message_;
  std::size_t at_ = 0;
  std::size_t segment_ = 0;
  std::size_t depth_left_;
  std::size_t memory_left_;
  std::string why_;
};

}  // namespace bourse::program
