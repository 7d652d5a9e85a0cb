#include "bourse/base/text.h"

#include <gtest/gtest.h>

#include <array>

namespace bourse {
namespace {

constexpr std::array<std::string_view, 3> kWords{"arrival", "samples", "worker"};

TEST(Trim, TakesWhiteSpaceFromBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
  EXPECT_EQ(split("a,", ','), (std::vector<std::string_view>{"a", ""}));
}

TEST(Nearest, FindsAMisspeltWord) {
  EXPECT_EQ(nearest("arival", kWords), "arrival");
  EXPECT_EQ(nearest("wroker", kWords), "worker");
  EXPECT_EQ(nearest("sample", kWords), "samples");
}

TEST(Nearest, IsEmptyIfNothingIsNear) {
  EXPECT_EQ(nearest("zzz", kWords), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), kWords), "");
}

TEST(Nearest, TakesTheFirstOfEquals) {
  constexpr std::array<std::string_view, 2> words{"aab", "aac"};
  EXPECT_EQ(nearest("aad", words), "aab");
}

TEST(Suggestion, NamesOneWordOrAll) {
  EXPECT_EQ(suggestion("arival", kWords), "; did you mean 'arrival'?");
  EXPECT_EQ(suggestion("zzz", kWords), "; known: arrival, samples, worker");
}

TEST(Quotable, IsOneShortLine) {
  EXPECT_EQ(quotable("plain"), "plain");
  EXPECT_EQ(quotable("a\nb\x7f"), "a\\x0ab\\x7f");
  EXPECT_EQ(quotable("abcdef", 3), "abc...");
  EXPECT_EQ(quotable("abc", 3), "abc");
}

}  // namespace
}  // namespace bourse
