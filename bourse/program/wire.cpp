#include "bourse/program/wire.h"

#include <cstring>

namespace bourse::program {
namespace {

/// Highest bit of the length of a block: it travels out of line.
constexpr std::uint64_t kOutOfLine = std::uint64_t{1} << 63;

}  // namespace

std::size_t Message::size() const {
  std::size_t size = head.size();
  for (const Buffer& segment : segments) size += segment.size();
  return size;
}

void Message::own() {
  for (Buffer& segment : segments)
    if (!segment.is_owned()) segment = Buffer::copy_of(segment.data(), segment.size());
}

void WireWriter::block(const void* data, std::size_t size) {
  if (size <= kLargestInline || message_.segments.size() >= kMostSegments) {
    number(std::uint64_t{size});
    bytes(data, size);
    return;
  }
  number(std::uint64_t{size} | kOutOfLine);
  message_.segments.push_back(Buffer::view(data, size, owner_));
}

void WireWriter::block(const Buffer& buffer) {
  if (buffer.size() <= kLargestInline || message_.segments.size() >= kMostSegments)
    return block(buffer.data(), buffer.size());
  number(std::uint64_t{buffer.size()} | kOutOfLine);
  message_.segments.push_back(buffer);
}

WireReader::WireReader(const Message& message, DecodeLimits limits)
    : message_(message),
      depth_left_(limits.depth),
      memory_left_(limits.memory_base + limits.memory_factor * message.size()) {}

void WireReader::fail(std::string_view why) {
  if (why_.empty()) why_ = why;
}

void WireReader::finish() {
  if (!ok()) return;
  if (left() > 0) fail("there are more bytes than the value has");
  if (segment_ < message_.segments.size()) fail("there are more blocks than the value has");
}

void WireReader::check() const {
  if (!ok()) throw CallError(CallCode::data_loss, "cannot decode the value: " + why_);
}

void WireReader::bytes(void* data, std::size_t size) {
  if (!ok() || size > left()) {
    fail("the message ends too early");
    std::memset(data, 0, size);
    return;
  }
  std::memcpy(data, message_.head.data() + at_, size);
  at_ += size;
}

std::size_t WireReader::block_size(bool* is_segment) {
  const auto length = number<std::uint64_t>();
  *is_segment = (length & kOutOfLine) != 0;
  const std::size_t size = length & ~kOutOfLine;
  if (*is_segment) {
    if (segment_ >= message_.segments.size() || message_.segments[segment_].size() != size)
      fail("a block that the message announces is not there");
  } else if (size > left()) {
    fail("a block is longer than the message");
  }
  return ok() ? size : 0;
}

std::string_view WireReader::block_view() {
  bool is_segment = false;
  const std::size_t size = block_size(&is_segment);
  if (!ok()) return {};
  if (is_segment)
    return {reinterpret_cast<const char*>(message_.segments[segment_++].data()), size};
  const std::string_view view(message_.head.data() + at_, size);
  at_ += size;
  return view;
}

Buffer WireReader::block() {
  bool is_segment = false;
  const std::size_t size = block_size(&is_segment);
  if (!ok()) return {};
  if (is_segment) return message_.segments[segment_++];
  at_ += size;
  return Buffer::copy_of(message_.head.data() + at_ - size, size);
}

Buffer WireReader::own_block(std::byte** bytes) {
  constexpr long kMessageAndWe = 2;
  Buffer found = block();
  *bytes = found.writable(kMessageAndWe);
  if (*bytes != nullptr || found.size() == 0) return found;
  Buffer copy = Buffer::pooled(found.size(), bytes);
  std::memcpy(*bytes, found.data(), found.size());
  return copy;
}

std::size_t WireReader::count(std::size_t element_size) {
  const auto wanted = number<std::uint64_t>();
  if (wanted > left()) fail("there are more elements than the message can hold");
  if (!ok() || !charge(wanted * element_size)) return 0;
  return wanted;
}

bool WireReader::charge(std::size_t size) {
  if (size > memory_left_) {
    fail("the value needs more memory than its message allows");
    return false;
  }
  memory_left_ -= size;
  return true;
}

bool WireReader::enter() {
  if (depth_left_ == 0) {
    fail("values are nested too deeply");
    return false;
  }
  --depth_left_;
  return ok();
}

}  // namespace bourse::program
