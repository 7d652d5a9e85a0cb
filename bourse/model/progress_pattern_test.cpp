#include "bourse/model/progress_pattern.h"

#include <gtest/gtest.h>

#include <regex>

namespace bourse {
namespace {

std::string error_of(std::string_view text) {
  const auto pattern = parse_progress_pattern(text);
  return pattern ? "no error" : pattern.error().message;
}

TEST(ProgressPattern, TurnsNamedGroupsIntoNumberedOnes) {
  // Groups in order: (step|iter) is 1, loss 2, samples 3; (?:...) and those in [] are none.
  const auto pattern = parse_progress_pattern(
      R"((step|iter) \((?:x)?[(]loss=(?P<loss>[-0-9.e]+) n=(?<samples>\d+))");
  ASSERT_TRUE(pattern.has_value()) << pattern.error().message;
  EXPECT_EQ(pattern->expression, R"((step|iter) \((?:x)?[(]loss=([-0-9.e]+) n=(\d+))");
  EXPECT_EQ(pattern->loss_group, 2);
  EXPECT_EQ(pattern->samples_group, 3);
  EXPECT_EQ(pattern->samples_per_second_group, 0);
  std::smatch found;
  const std::string line = "12:00 step ((loss=0.5 n=640";
  ASSERT_TRUE(std::regex_search(line, found, std::regex(pattern->expression)));
  EXPECT_EQ(found[2], "0.5");
  EXPECT_EQ(found[3], "640");
}

TEST(ProgressPattern, RefusesWhatCannotTellProgress) {
  EXPECT_EQ(error_of("loss=(?<loss>.*)"),
            "names no group 'samples'; write the part that is the count of samples as "
            "(?<samples>[0-9]+)");
  EXPECT_EQ(error_of("(?<sampels>.*)"), "there is no group 'sampels'; did you mean 'samples'?");
  EXPECT_EQ(error_of("(?<samples>.*"), "'(?<samples>.*' is not a regular expression (ECMAScript)");
  EXPECT_EQ(error_of("(?<samples"), "'(?<samples' is not a regular expression (ECMAScript)");
}

}  // namespace
}  // namespace bourse
