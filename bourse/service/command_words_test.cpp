#include "bourse/service/command_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> words(std::string_view text) { return command_words(text).value(); }
std::string error_in_words(std::string_view text) { return command_words(text).error().message; }

TEST(CommandWords, AreSplitAndQuotedAsInAShell) {
  EXPECT_THAT(words("python3  train.py\t--steps 5\n"),
              ElementsAre("python3", "train.py", "--steps", "5"));
  EXPECT_THAT(words("a 'b  c' \"d 'e' \\\"f\\\" \\$g\" h\\ i x''y ''"),
              ElementsAre("a", "b  c", "d 'e' \"f\" $g", "h i", "xy", ""));
  EXPECT_THAT(words("a 'b\nc' --x=1 {1,2} a~b"), ElementsAre("a", "b\nc", "--x=1", "{1,2}", "a~b"));
  EXPECT_THAT(words("exec ./run"), ElementsAre("./run"));
  EXPECT_THAT(words("exec"), ElementsAre("exec"));
  EXPECT_THAT(words("./a=b/run y"), ElementsAre("./a=b/run", "y")) << "no variable";
}

TEST(CommandWords, OfAShellAreRefused) {
  for (const std::string_view text :
       {"a; rm -rf /", "a | b", "a & b", "a > b", "a < b", "a $(b)", "a `b`", "a $HOME", "a \"$b\"",
        "a *.txt", "a ?", "a [b]", "a ~/b", "a # b", "! a", "(a)", "a\nb"})
    EXPECT_THAT(error_in_words(text), HasSubstr("only a shell understands; write [sh, -c, '...']"))
        << text;
  EXPECT_THAT(error_in_words("A=1 ./run"), HasSubstr("has a variable in front"));
  EXPECT_EQ(error_in_words("a 'b"), "has a ' without a second one");
  EXPECT_EQ(error_in_words("a \"b"), "has a \" without a second one");
  EXPECT_EQ(error_in_words("a \\"), "ends with a '\\'");
}

}  // namespace
}  // namespace bourse
