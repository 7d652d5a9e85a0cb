#include "bourse/program/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace bourse::program {

std::string frame_prefix(const Frame& frame) {
  FrameHeader header = frame.header;
  header.chain_count = static_cast<std::uint16_t>(frame.chain.size());
  header.segment_count = static_cast<std::uint16_t>(frame.message.segments.size());
  header.head_size = static_cast<std::uint32_t>(frame.message.head.size());
  std::string prefix(reinterpret_cast<const char*>(&header), sizeof header);
  for (const Buffer& segment : frame.message.segments) {
    const std::uint64_t size = segment.size();
    prefix.append(reinterpret_cast<const char*>(&size), sizeof size);
  }
  for (const std::uint32_t node : frame.chain)
    prefix.append(reinterpret_cast<const char*>(&node), sizeof node);
  return prefix;
}

void FrameParser::feed(std::string_view bytes, std::vector<Frame>& frames) {
  while (!is_broken()) {
    if (stage_ == Stage::header) {
      if (!fill_prefix(bytes, sizeof(FrameHeader))) return;
      take_header();
    } else if (stage_ == Stage::tables) {
      const std::size_t size =
          std::size_t{8} * frame_.header.segment_count + std::size_t{4} * frame_.header.chain_count;
      if (!fill_prefix(bytes, size)) return;
      take_tables();
      finish_blocks(frames);
    } else {
      if (bytes.empty()) return;
      const std::size_t count = std::min(bytes.size(), block_left_);
      std::memcpy(block_, bytes.data(), count);
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
  FrameHeader& header = frame_.header;
  std::memcpy(&header, prefix_.data(), sizeof header);
  prefix_.clear();
  if (header.magic != kFrameMagic)
    why_ = "these are no frames of bourse";
  else if (header.kind < FrameKind::hello || header.kind > FrameKind::cancel)
    why_ = fmt::format("there is no kind {} of frame", static_cast<int>(header.kind));
  else if (header.chain_count > kMostChain || header.segment_count > kMostSegments)
    why_ = "a frame has more parts than it may";
  else if (header.head_size > limits_.message_size)
    why_ = fmt::format("a message is larger than the {} bytes it may have", limits_.message_size);
  stage_ = Stage::tables;
}

void FrameParser::take_tables() {
  const char* at = prefix_.data();
  lengths_.resize(frame_.header.segment_count);
  std::size_t left = limits_.message_size - frame_.header.head_size;
  for (std::uint64_t& length : lengths_) {
    std::memcpy(&length, at, sizeof length);
    at += sizeof length;
    if (length > left) {
      why_ = fmt::format("a message is larger than the {} bytes it may have", limits_.message_size);
      return;
    }
    left -= length;
  }
  frame_.chain.resize(frame_.header.chain_count);
  if (!frame_.chain.empty()) std::memcpy(frame_.chain.data(), at, 4 * frame_.chain.size());
  prefix_.clear();
  frame_.message.head.resize(frame_.header.head_size);
  block_ = frame_.message.head.data();
  block_left_ = frame_.message.head.size();
  stage_ = Stage::head;
}

std::span<char> FrameParser::target() {
  constexpr std::size_t kWorthIt = std::size_t{16} << 10;
  if (is_broken() || block_left_ < kWorthIt) return {};
  return {block_, block_left_};
}

void FrameParser::advance(std::size_t count, std::vector<Frame>& frames) {
  block_ += count;
  block_left_ -= count;
  finish_blocks(frames);
}

/// Goes on to the next block, or the next frame, when a block is complete.
void FrameParser::finish_blocks(std::vector<Frame>& frames) {
  while (!is_broken() && block_left_ == 0) {
    if (frame_.message.segments.size() < lengths_.size()) {
      next_segment();
      continue;
    }
    frames.push_back(std::exchange(frame_, {}));
    lengths_.clear();
    stage_ = Stage::header;
    return;
  }
}

void FrameParser::next_segment() {
  stage_ = Stage::segments;
  std::byte* bytes = nullptr;
  block_left_ = lengths_[frame_.message.segments.size()];
  frame_.message.segments.push_back(Buffer::pooled(block_left_, &bytes));
  block_ = reinterpret_cast<char*>(bytes);
}

}  // namespace bourse::program
