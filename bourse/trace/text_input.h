#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/trace/byte_source.h"

namespace bourse {

/// The longest line or JSON token that is read, bytes.
inline constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;

/// Text from a byte source, unpacked on the way if it starts as gzip does. Read it by lines or by
/// bytes, not both. Memory: two buffers, less than 64 KiB if the input is short, else as much or
/// what the longest line needs.
///
/// Gzip members may follow each other, as `cat a.gz b.gz` makes them.
class TextInput {
 public:
  explicit TextInput(ByteSource& source);
  TextInput(const TextInput&) = delete;
  TextInput& operator=(const TextInput&) = delete;
  ~TextInput();

  /// The next bytes, up to `count` (at most kMaxLineBytes), without taking them; fewer only near
  /// the end. Valid until the next call.
  /// Errors: those of read().
  [[nodiscard]] Result<std::string_view> peek(std::size_t count);

  /// The next line without its end ("\n" or "\r\n"), or nothing at the end. A byte order mark
  /// before the first line is dropped. Valid until the next call.
  /// Errors: data_corrupted for a line above kMaxLineBytes or gzip data that is damaged or cut off;
  /// those of the source.
  [[nodiscard]] Result<std::optional<std::string_view>> next_line();

  /// The next byte, or -1 at the end.
  /// Errors: as next_line.
  [[nodiscard]] Result<int> next_byte() {
    if (begin_ == end_) {
      BOURSE_TRY(const bool more, fill());
      if (!more) return -1;
    }
    const char byte = buffer_[begin_++];
    if (byte == '\n') ++line_;
    return static_cast<unsigned char>(byte);
  }

  /// Number of the line read last, from 1; while reading bytes, of the line of the next byte.
  [[nodiscard]] std::uint32_t line() const { return line_; }
  /// Name of the source, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  class Inflater;

  /// Sees to it that there is room at end_.
  void make_room();
  /// Adds bytes at end_; false at the end of the input.
  Result<bool> fill();
  Result<std::size_t> read(std::span<char> out);

  ByteSource& source_;
  std::string name_;
  std::unique_ptr<Inflater> inflater_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t taken_ = 0;  ///< Of all, by fill().
  std::uint32_t line_ = 0;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace bourse
