#include "bourse/program/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bourse::program {

std::size_t prefix_size(const Frame& frame) {
  return sizeof(FrameHeader) + 8 * frame.message.segments.size() + 4 * frame.chain.size();
}

void write_prefix(const Frame& frame, char* to) {
  FrameHeader header = frame.header;
  header.chain_count = static_cast<std::uint16_t>(frame.chain.size());
  header.segment_count = static_cast<std::uint16_t>(frame.message.segments.size());
  header.head_size = static_cast<std::uint32_t>(frame.message.head.size());
  std::memcpy(to, &header, sizeof header);
  to += sizeof header;
  for (const Buffer& segment : frame.message.segments) {
    const std::uint64_t size = segment.size();
    std::memcpy(to, &size, sizeof size);
    to += sizeof size;
  }
  if (!frame.chain.empty()) std::memcpy(to, frame.chain.data(), 4 * frame.chain.size());
}

std::string frame_prefix(const Frame& frame) {
  std::string prefix(prefix_size(frame), '\0');
  write_prefix(frame, prefix.data());
  return prefix;
}

void FrameParser::feed(std::string_view bytes, std::vector<Frame>& frames) {
  while (!is_broken()) {
    if (stage_ == Stage::header) {
      if (!fill_prefix(bytes, sizeof(FrameHeader))) return;
      take_header();
    } else if (stage_ == Stage::tables) {
      const FrameHeader& header = now_.frame.header;
      const std::size_t size =
          std::size_t{8} * header.segment_count + std::size_t{4} * header.chain_count;
      if (!fill_prefix(bytes, size)) return;
      take_tables();
      finish_parts(frames);
    } else if (stage_ == Stage::mark) {
      if (!fill_prefix(bytes, sizeof(BlockMark))) return;
      take_mark();
    } else {
      if (bytes.empty()) return;
      const std::size_t count = std::min({bytes.size(), now_.part_left, now_.block_left});
      std::memcpy(now_.part, bytes.data(), count);
      bytes.remove_prefix(count);
      advance(count, frames);
    }
  }
}

bool FrameParser::fill_prefix(std::string_view& bytes, std::size_t size) {
  const std::size_t count = std::min(bytes.size(), size - prefix_.size());
  prefix_.append(bytes.substr(0, count));
  bytes.remove_prefix(count);
  return prefix_.size() == size;
}

void FrameParser::take_header() {
  FrameHeader& header = now_.frame.header;
  std::memcpy(&header, prefix_.data(), sizeof header);
  prefix_.clear();
  if (header.magic != kFrameMagic)
    why_ = "these are no frames of bourse";
  else if (header.kind < FrameKind::hello || header.kind > FrameKind::alive)
    why_ = fmt::format("there is no kind {} of frame", static_cast<int>(header.kind));
  else if (header.chain_count > kMostChain || header.segment_count > kMostSegments)
    why_ = "a frame has more parts than it may";
  else if (header.head_size > limits_.message_size)
    why_ = fmt::format("a message is larger than the {} bytes it may have", limits_.message_size);
  stage_ = Stage::tables;
}

void FrameParser::take_tables() {
  const char* at = prefix_.data();
  Frame& frame = now_.frame;
  now_.lengths.resize(frame.header.segment_count);
  now_.body_left = frame.header.head_size;
  for (std::uint64_t& length : now_.lengths) {
    std::memcpy(&length, at, sizeof length);
    at += sizeof length;
    if (length > limits_.message_size - now_.body_left) {
      why_ = fmt::format("a message is larger than the {} bytes it may have", limits_.message_size);
      return;
    }
    now_.body_left += length;
  }
  frame.chain.resize(frame.header.chain_count);
  if (!frame.chain.empty()) std::memcpy(frame.chain.data(), at, 4 * frame.chain.size());
  prefix_.clear();
  frame.message.head.resize(frame.header.head_size);
  now_.part = frame.message.head.data();
  now_.part_left = frame.message.head.size();
  begin_block();
}

void FrameParser::begin_block() {
  now_.block_left = std::min(kBlock, now_.body_left);
  stage_ = Stage::body;
}

void FrameParser::take_mark() {
  BlockMark mark{};
  std::memcpy(&mark, prefix_.data(), sizeof mark);
  prefix_.clear();
  if (mark == BlockMark::goes_on) return begin_block();
  if (mark != BlockMark::urgent) {
    why_ = "after a block of a message stands no mark";
  } else if (interrupted_.size() == kMostInterrupted) {
    why_ = fmt::format("more than {} frames interrupt each other", kMostInterrupted);
  } else {
    interrupted_.push_back(std::exchange(now_, {}));
    stage_ = Stage::header;
  }
}

std::span<char> FrameParser::target() {
  constexpr std::size_t kWorthIt = std::size_t{16} << 10;
  const std::size_t size = std::min(now_.part_left, now_.block_left);
  if (is_broken() || stage_ != Stage::body || size < kWorthIt) return {};
  return {now_.part, size};
}

std::size_t FrameParser::most_beyond_target(std::size_t most) const {
  const bool ends_block = now_.block_left <= now_.part_left;
  return ends_block && now_.block_left < now_.body_left ? sizeof(BlockMark) : most;
}

void FrameParser::advance(std::size_t count, std::vector<Frame>& frames) {
  now_.part += count;
  now_.part_left -= count;
  now_.block_left -= count;
  now_.body_left -= count;
  finish_parts(frames);
}

/// Goes on to the next segment, the next block or the next frame when one is complete.
void FrameParser::finish_parts(std::vector<Frame>& frames) {
  while (!is_broken() && now_.part_left == 0) {
    if (now_.frame.message.segments.size() < now_.lengths.size()) {
      next_segment();
      continue;
    }
    frames.push_back(std::move(now_.frame));
    now_ = {};
    stage_ = Stage::header;
    if (interrupted_.empty()) return;
    now_ = std::move(interrupted_.back());
    interrupted_.pop_back();
    stage_ = Stage::mark;
    return;
  }
  if (now_.block_left == 0) stage_ = Stage::mark;
}

void FrameParser::next_segment() {
  std::byte* bytes = nullptr;
  Frame& frame = now_.frame;
  now_.part_left = now_.lengths[frame.message.segments.size()];
  frame.message.segments.push_back(Buffer::pooled(now_.part_left, &bytes));
  now_.part = reinterpret_cast<char*>(bytes);
}

}  // namespace bourse::program
