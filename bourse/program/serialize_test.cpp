// Values to bytes and back, and what bad bytes may not do.
#include "bourse/program/serialize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <set>
#include <unordered_map>

#include "bourse/program/schema.h"

namespace bourse::program {
namespace {

using testing::HasSubstr;

enum class Colour : std::uint8_t { red, green };

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  friend bool operator==(const Tree&, const Tree&) = default;
};

struct Everything {
  bool flag = false;
  std::uint64_t number = 0;
  double real = 0;
  Colour colour = Colour::red;
  std::string text;
  std::array<int, 3> three{};
  std::vector<float> floats;
  std::vector<bool> bits;
  std::vector<std::string> texts;
  std::map<std::string, int> map;
  std::unordered_map<int, std::string> hashed;
  std::set<int> set;
  std::deque<double> deque;
  std::list<int> list;
  std::pair<int, std::string> pair;
  std::tuple<int, double> tuple;
  std::optional<std::string> maybe;
  std::variant<int, std::string> either;
  std::chrono::milliseconds span{};
  Tree tree;
  friend bool operator==(const Everything&, const Everything&) = default;
};

Everything example() {
  return {.flag = true,
          .number = 1ULL << 63,
          .real = -0.5,
          .colour = Colour::green,
          .text = "text",
          .three = {1, 2, 3},
          .floats = {1.5F, -2.0F},
          .bits = {true, false, true},
          .texts = {"a", ""},
          .map = {{"x", 1}, {"y", 2}},
          .hashed = {{7, "seven"}},
          .set = {3, 1},
          .deque = {0.25},
          .list = {4},
          .pair = {5, "five"},
          .tuple = {6, 6.5},
          .maybe = "there",
          .either = "second",
          .span = std::chrono::milliseconds(70),
          .tree = {1, {{2, {}}, {3, {{4, {}}}}}}};
}

TEST(Serialize, EveryKindOfValueComesBackAsItWas) {
  EXPECT_EQ(decode<Everything>(encode(example())), example());
  EXPECT_EQ(decode<Everything>(encode(Everything{})), Everything{});
}

// Defect 6 of Courier: its vectors were added to what was there.
TEST(Serialize, ReadingReplacesWhatWasThere) {
  Everything there = example();
  decode_into(encode(Everything{}), there);
  EXPECT_EQ(there, Everything{});
}

struct Private {
  Private() = default;
  explicit Private(int secret) : secret_(secret) {}
  template <class Archive>
  void serialize(Archive& archive) {
    archive(secret_);
  }
  [[nodiscard]] int secret() const { return secret_; }

 private:
  int secret_ = 0;
};

TEST(Serialize, AClassMaySayItselfHowItTravels) {
  EXPECT_EQ(decode<Private>(encode(Private(8))).secret(), 8);
  const auto many =
      decode<std::vector<Private>>(encode(std::vector<Private>{Private(1), Private(2)}));
  ASSERT_EQ(many.size(), 2U);
  EXPECT_EQ(many[1].secret(), 2);
}

TEST(Serialize, LargeBlocksTravelOutOfLineAndAreNotCopied) {
  const Buffer buffer(std::vector<double>(4096, 1.25));  // 32 KiB
  const Message message = encode(buffer);
  ASSERT_EQ(message.segments.size(), 1U);
  EXPECT_EQ(message.segments[0].data(), buffer.data());
  EXPECT_EQ(decode<Buffer>(message).data(), buffer.data());
  const std::vector<float> numbers(8192, 2.0F);
  EXPECT_EQ(decode<std::vector<float>>(encode(numbers)), numbers);
}

TEST(Serialize, AMessageCanBeMadeToOutliveItsValue) {
  Message message;
  {
    const std::vector<float> numbers(8192, 3.0F);
    message = encode(numbers);
    EXPECT_FALSE(message.segments[0].is_owned());
    message.own();
  }
  EXPECT_EQ(decode<std::vector<float>>(message)[8191], 3.0F);
  EXPECT_TRUE(encode_owned(std::vector<float>(8192)).segments[0].is_owned());
}

std::string why_not(const std::function<void()>& decode_it) {
  try {
    decode_it();
  } catch (const CallError& error) {
    EXPECT_EQ(error.code(), CallCode::data_loss);
    return error.message();
  }
  return "it was read";
}

Message cut(Message message, std::size_t size) {
  message.head.resize(size);
  return message;
}

TEST(Serialize, EveryCutOfAMessageIsRefused) {
  const Message whole = encode(example());
  for (std::size_t size = 0; size < whole.head.size(); ++size)
    EXPECT_NE(why_not([&] { (void)decode<Everything>(cut(whole, size)); }), "it was read") << size;
}

TEST(Serialize, BadBytesAreRefusedWithASentence) {
  Message truth = encode(true);
  truth.head[0] = 2;
  EXPECT_THAT(why_not([&] { (void)decode<bool>(truth); }), HasSubstr("neither 0 nor 1"));
  Message longer = encode(1);
  longer.head += 'x';
  EXPECT_THAT(why_not([&] { (void)decode<int>(longer); }), HasSubstr("more bytes"));
  const Message many = encode(std::uint64_t{1} << 60);
  EXPECT_THAT(why_not([&] { (void)decode<std::vector<std::string>>(many); }),
              HasSubstr("more elements"));
  const Message alternative = encode(std::uint32_t{2});
  EXPECT_THAT(why_not([&] { (void)decode<std::variant<int, float>>(alternative); }),
              HasSubstr("no such alternative"));
  const Message parts = encode(std::string("abc"));
  EXPECT_THAT(why_not([&] { (void)decode<std::vector<int>>(parts); }),
              HasSubstr("parts of numbers"));
}

TEST(Serialize, DepthAndMemoryHaveABudget) {
  Tree deep;
  for (int i = 0; i < 200; ++i) deep = Tree{i, {deep}};
  EXPECT_THAT(why_not([&] { (void)decode<Tree>(encode(deep)); }), HasSubstr("nested too deeply"));
  // A byte of the message would become 4 KiB: 10,000 of them 40 MB.
  using Large = std::optional<std::array<double, 512>>;
  const Message message = encode(std::vector<Large>(10'000));
  EXPECT_THAT(why_not([&] { (void)decode<std::vector<Large>>(message); }),
              HasSubstr("more memory"));
}

struct Before {
  int a = 0;
  std::string b;
};
struct Renamed {
  int first = 0;
  std::string second;
};
struct Moved {
  std::string b;
  int a = 0;
};
struct Wider {
  std::int64_t a = 0;
  std::string b;
};

TEST(Schema, ChangesWithWhatTravelsAndNotWithNames) {
  EXPECT_EQ(schema_hash<Before>(), schema_hash<Renamed>());
  EXPECT_NE(schema_hash<Before>(), schema_hash<Moved>());
  EXPECT_NE(schema_hash<Before>(), schema_hash<Wider>());
  EXPECT_NE(schema_hash<std::vector<int>>(), schema_hash<std::vector<unsigned>>());
  EXPECT_NE(schema_hash<std::optional<int>>(), schema_hash<std::vector<int>>());
  EXPECT_NE(schema_hash<Tree>(), schema_hash<Before>());
}

RC_GTEST_PROP(Serialize, AnyTextAndNumbersComeBack, ()) {
  const auto texts = *rc::gen::arbitrary<std::map<std::string, std::vector<int>>>();
  RC_ASSERT((decode<std::map<std::string, std::vector<int>>>(encode(texts))) == texts);
}

TEST(Buffer, BlocksOfThePoolAreUsedAgain) {
  constexpr std::size_t kSize = std::size_t{2} << 20;
  const std::byte* first = nullptr;
  {
    const Buffer buffer = Buffer::filled(
        kSize, [](std::span<std::byte> bytes) { std::memset(bytes.data(), 1, bytes.size()); });
    first = buffer.data();
  }
  EXPECT_GE(pooled_bytes(), kSize);
  std::byte* again = nullptr;
  const Buffer second = Buffer::pooled(kSize, &again);
  EXPECT_EQ(again, first);
}

TEST(Buffer, LargeBlocksBeginAtAHugePage) {
  constexpr std::size_t kSize = (std::size_t{8} << 20) + 1;
  std::byte* block = nullptr;
  const Buffer made = Buffer::pooled(kSize, &block);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % (std::size_t{2} << 20), 0U);
  block[kSize - 1] = std::byte{7};
  EXPECT_EQ(made.as<char>()[kSize - 1], 7);
}

TEST(Buffer, MemoryWithoutAHugePageStaysAsItIs) {
  std::vector<char> few(100, 'x');
  std::vector<char> many(std::size_t{3} << 20, 'x');  // At an odd place.
  use_huge_pages(few.data(), few.size());
  use_huge_pages(many.data() + 1, many.size() - 1);
  EXPECT_EQ(std::ranges::count(few, 'x') + std::ranges::count(many, 'x'),
            std::ssize(few) + std::ssize(many));
}

}  // namespace
}  // namespace bourse::program
