// Bytes to frames, in pieces of any size.
#include "bourse/program/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "bourse/program/channel.h"
#include "bourse/program/frame_socket.h"
#include "bourse/program/output_lines.h"
#include "bourse/program/serialize.h"

namespace bourse::program {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string bytes_of(const Frame& frame) {
  std::string bytes = frame_prefix(frame) + frame.message.head;
  for (const Buffer& segment : frame.message.segments)
    bytes.append(reinterpret_cast<const char*>(segment.data()), segment.size());
  return bytes;
}

Frame example_frame() {
  Frame frame;
  frame.header = {.kind = FrameKind::request, .call = 7, .method = 8, .schema = 9, .node = 3};
  frame.chain = {1, 2};
  frame.message = encode(std::tuple(std::string("head"), Buffer(std::vector<double>(4000, 0.5))));
  return frame;
}

TEST(FrameParser, PiecesOfAnySizeGiveTheSameFrames) {
  const std::string bytes = bytes_of(example_frame()) + bytes_of(example_frame());
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{7}, std::size_t{56}, std::size_t{4096}, bytes.size()}) {
    FrameParser parser;
    std::vector<Frame> frames;
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      parser.feed(std::string_view(bytes).substr(at, piece), frames);
    ASSERT_EQ(frames.size(), 2U) << parser.why();
    EXPECT_TRUE(parser.is_between_frames());
    for (const Frame& frame : frames) EXPECT_EQ(bytes_of(frame), bytes_of(example_frame()));
    EXPECT_THAT(frames[1].chain, ElementsAre(1U, 2U));
  }
}

TEST(FrameParser, BytesOfALargeBlockMayBePutWhereTheyBelong) {
  const std::string bytes = bytes_of(example_frame());
  FrameParser parser;
  std::vector<Frame> frames;
  const std::size_t first = bytes.size() - 20'000;
  parser.feed(std::string_view(bytes).substr(0, first), frames);
  const std::span<char> target = parser.target();
  ASSERT_EQ(target.size(), 20'000U);
  std::memcpy(target.data(), bytes.data() + first, target.size());
  parser.advance(target.size(), frames);
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(bytes_of(frames[0]), bytes);
}

std::string why_of(const std::string& bytes, FrameLimits limits = {}) {
  FrameParser parser(limits);
  std::vector<Frame> frames;
  parser.feed(bytes, frames);
  return parser.why();
}

TEST(FrameParser, GarbageIsRefusedWithASentence) {
  EXPECT_EQ(why_of(std::string(56, 'x')), "these are no frames of bourse");
  std::string kind = bytes_of(example_frame());
  kind[4] = 77;
  EXPECT_EQ(why_of(kind), "there is no kind 77 of frame");
  std::string parts = bytes_of(example_frame());
  parts[46] = parts[47] = '\xff';  // segment_count
  EXPECT_THAT(why_of(parts), HasSubstr("more parts"));
}

TEST(FrameParser, NothingIsKeptOfAMessageOverTheLimit) {
  EXPECT_EQ(why_of(bytes_of(example_frame()), {.message_size = 1000}),
            "a message is larger than the 1000 bytes it may have");
  EXPECT_EQ(why_of(bytes_of(example_frame()), {.message_size = 2}),
            "a message is larger than the 2 bytes it may have");
}

// ---- frames that interrupt each other

struct SocketPair {
  std::unique_ptr<FrameSocket> a;
  std::unique_ptr<FrameSocket> b;
};

SocketPair connected() {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  return {std::make_unique<FrameSocket>(Descriptor(ends[0])),
          std::make_unique<FrameSocket>(Descriptor(ends[1]))};
}

Frame frame_of(std::uint64_t call, std::uint8_t priority, std::size_t size) {
  Frame frame;
  frame.header = {.kind = FrameKind::request, .priority = priority, .call = call};
  std::vector<char> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * (call + 7) >> 8);
  frame.message = encode(std::tuple(std::string("head"), Buffer(std::move(bytes))));
  return frame;
}

/// Calls in the order in which their frames are complete at the other end.
std::vector<std::uint64_t> order_of(const SocketPair& sockets, std::size_t count) {
  std::vector<Frame> frames;
  while (frames.size() < count) {
    EXPECT_TRUE(sockets.a->flush());
    const auto status = sockets.b->read(frames);
    EXPECT_NE(status, FrameSocket::ReadStatus::closed) << sockets.b->why();
    if (status == FrameSocket::ReadStatus::closed) break;
  }
  std::vector<std::uint64_t> order;
  for (const Frame& frame : frames) {
    order.push_back(frame.header.call);
    const std::size_t size = frame.message.segments.at(0).size();
    EXPECT_EQ(bytes_of(frame), bytes_of(frame_of(frame.header.call, frame.header.priority, size)));
  }
  return order;
}

TEST(FrameSocket, AnUrgentFrameGoesBetweenTheBlocksOfALargeOne) {
  const SocketPair sockets = connected();
  sockets.a->send(frame_of(1, 0, 5'000'000));  // more than the system takes
  sockets.a->send(frame_of(2, 0, 20'000));
  sockets.a->send(frame_of(3, 4, 2'000'000));
  sockets.a->send(frame_of(4, 9, 20'000));
  EXPECT_THAT(order_of(sockets, 4), ElementsAre(4U, 3U, 1U, 2U));
}

TEST(FrameSocket, FramesThatInterruptEachOtherAreNotMoreThanTheOtherEndTakes) {
  const SocketPair sockets = connected();
  std::vector<Frame> arrived;
  for (std::uint64_t call = 1; call <= 9; ++call) {
    sockets.a->send(frame_of(call, static_cast<std::uint8_t>(call), 8'000'000));
    // Each has begun before the next, more urgent one is there.
    for (int i = 0; i < 2; ++i) sockets.b->read(arrived);
    sockets.a->flush();
  }
  ASSERT_TRUE(arrived.empty());
  std::vector<std::uint64_t> order = order_of(sockets, 9);
  EXPECT_EQ(order.back(), 1U);
  std::ranges::sort(order);
  EXPECT_THAT(order, ElementsAre(1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U));
}

TEST(FrameSocket, WaitsNoLongerThanItIsTold) {
  using namespace std::chrono_literals;
  const SocketPair sockets = connected();
  std::vector<Frame> arrived;
  EXPECT_EQ(sockets.b->read(arrived), FrameSocket::ReadStatus::nothing);
  const Deadline until = deadline_in(2ms);
  EXPECT_EQ(sockets.b->read(arrived, until), FrameSocket::ReadStatus::nothing);
  EXPECT_GE(now(), until);
  sockets.a->send(frame_of(1, 0, 10));
  EXPECT_EQ(sockets.b->read(arrived, kNoDeadline), FrameSocket::ReadStatus::some);
  EXPECT_EQ(arrived.size(), 1U);
}

TEST(FrameParser, AfterABlockStandsAMark) {
  const Frame large = frame_of(1, 0, kBlock + 1000);
  const std::string bytes = bytes_of(large);
  const std::size_t block_end = frame_prefix(large).size() + kBlock;
  const auto mark = [](BlockMark value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof value);
  };
  EXPECT_EQ(why_of(bytes), "after a block of a message stands no mark");
  EXPECT_EQ(why_of(bytes.substr(0, block_end) + mark(BlockMark::goes_on) + bytes.substr(block_end)),
            "");
  std::string nested;
  for (std::size_t i = 0; i <= kMostInterrupted; ++i)
    nested += bytes.substr(0, block_end) + mark(BlockMark::urgent);
  EXPECT_EQ(why_of(nested), "more than 4 frames interrupt each other");
}

TEST(ErrorFrame, CarriesEverythingThatIsKnown) {
  const CallError error(CallCode::out_of_range, "no row 9", "std::out_of_range", {"a/0 A::f"});
  const CallError again = error_of_frame(error_frame(5, error));
  EXPECT_EQ(again.code(), error.code());
  EXPECT_STREQ(again.what(), error.what());
  Frame broken = error_frame(5, error);
  broken.message.head.resize(3);
  EXPECT_EQ(error_of_frame(broken).code(), CallCode::data_loss);
  broken = error_frame(5, error);
  broken.header.code = 99;
  EXPECT_EQ(error_of_frame(broken).code(), CallCode::data_loss);
}

TEST(OutputLines, ALineIsPassedOnWhenItIsWhole) {
  std::vector<std::string> lines;
  OutputLines output([&](std::string_view line) { lines.emplace_back(line); });
  output.add("one\ntw");
  output.add("o\n\nthr");
  EXPECT_THAT(lines, ElementsAre("one", "two", ""));
  output.finish();
  EXPECT_THAT(lines, ElementsAre("one", "two", "", "thr"));
  for (int i = 0; i < 100; ++i) output.add("more\n");
  EXPECT_EQ(output.last().size(), 50U);
}

TEST(OutputLines, ALineWithoutEndComesInParts) {
  std::size_t lines = 0;
  OutputLines output([&](std::string_view) { ++lines; });
  for (int i = 0; i < 40; ++i) output.add(std::string(4096, 'x'));
  EXPECT_EQ(lines, 2U);
}

}  // namespace
}  // namespace bourse::program
