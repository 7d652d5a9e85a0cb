#include "bourse/engine/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> lines_of(std::initializer_list<std::string_view> pieces) {
  LineSplitter splitter;
  std::vector<std::string> lines;
  for (const std::string_view piece : pieces)
    splitter.add(piece, [&](std::string_view line) { lines.emplace_back(line); });
  return lines;
}

TEST(LineSplitter, JoinsPiecesAndLeavesOutTheEnds) {
  EXPECT_THAT(lines_of({"a", "b\r\n\nc\nd"}), ElementsAre("ab", "", "c"));
}

TEST(LineSplitter, TellsALineThatNeverEndsOnceAndCut) {
  const std::string flood(LineSplitter::kMax, 'x');
  EXPECT_THAT(lines_of({flood + "yyy", "zzz", "z\nnext\n"}), ElementsAre(flood, "next"));
}

TEST(ProgressLine, HoldsAnyOfItsFields) {
  const auto report = parse_progress_line(
      R"({"samples": 1200, "samples_per_second": 85.5, "loss": -0.5, "checkpointed": true, "":1,
          "compute_per_sample": 0.02, "exchange_per_sample": 0.001, "workers": 3})");
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->samples, 1200);
  EXPECT_EQ(report->samples_per_second, 85.5);
  EXPECT_EQ(report->loss, -0.5);
  EXPECT_EQ(report->checkpointed, true);
  EXPECT_EQ(report->workers, 3);
  EXPECT_EQ(report->compute_per_sample, 0.02);
  EXPECT_EQ(report->exchange_per_sample, 0.001);
  const auto empty = parse_progress_line("{}");
  ASSERT_TRUE(empty.has_value());
  EXPECT_FALSE(empty->samples.has_value());
}

TEST(ProgressLine, TakesALossThatIsNoNumberForAbsent) {
  const auto report = parse_progress_line(R"({"samples": 5, "loss": NaN})");
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->samples, 5);
  EXPECT_FALSE(report->loss.has_value());
}

TEST(ProgressLine, SaysWhatIsWrong) {
  EXPECT_EQ(parse_progress_line("epoch 3").error().message,
            "'epoch 3' is not one JSON object, as {\"samples\": 1200}");
  EXPECT_EQ(parse_progress_line(R"({"samples": -1})").error().message,
            "field 'samples' must be a finite number, not negative");
  EXPECT_EQ(parse_progress_line(R"({"checkpointed": 1})").error().message,
            "field 'checkpointed' must be true or false");
}

TEST(ProgressPattern, ReadsItsNamedGroups) {
  const auto pattern = ProgressPattern::compile("step (?P<step>[0-9]+).*loss (?P<loss>\\S+)");
  ASSERT_TRUE(pattern.has_value()) << pattern.error().message;
  const auto report = pattern->find("[12:00] step 40 lr 0.1 loss 2.5");
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->samples, 40);
  EXPECT_EQ(report->loss, 2.5);
  EXPECT_FALSE(pattern->find("saving").has_value());
  EXPECT_FALSE(
      pattern->find("step 99999999999999999999x loss nan").value_or(ProgressReport{}).loss);
}

TEST(ProgressPattern, NamesGroupsEitherWay) {
  const auto pattern = ProgressPattern::compile(R"(\(?<x> step (?<step>\d+))");
  ASSERT_TRUE(pattern.has_value()) << pattern.error().message;
  EXPECT_EQ(pattern->find("<x> step 12")->samples, 12);  // An escaped bracket opens no group.
}

TEST(ProgressPattern, RejectsWhatCannotWork) {
  EXPECT_THAT(ProgressPattern::compile("(").error().message,
              HasSubstr("'(' is not a regular expression: missing )"));
  EXPECT_EQ(ProgressPattern::compile("(?P<sample>x)").error().message,
            "'(?P<sample>x)' has a group 'sample'; did you mean 'samples'?");
  EXPECT_THAT(ProgressPattern::compile("[0-9]+").error().message, HasSubstr("has no named group"));
}

// A backtracking engine needs 2^30 steps for this one.
TEST(ProgressPattern, IsNotSlowWhateverTheExpression) {
  const auto pattern = ProgressPattern::compile("(a*)*b(?P<step>[0-9])");
  ASSERT_TRUE(pattern.has_value());
  EXPECT_FALSE(pattern->find(std::string(1000, 'a')).has_value());
}

TEST(MergedProgress, KeepsWhatTheLaterDoesNotSay) {
  const auto sum = merged({.samples = 10, .loss = 3, .checkpointed = true}, {.samples = 12});
  EXPECT_EQ(sum.samples, 12);
  EXPECT_EQ(sum.loss, 3);
  EXPECT_FALSE(sum.checkpointed.has_value());  // It was said of 10 samples, not of 12.
}

}  // namespace
}  // namespace bourse
