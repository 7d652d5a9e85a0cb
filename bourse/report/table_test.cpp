#include "bourse/report/table.h"

#include <gtest/gtest.h>

#include <string>

namespace bourse {
namespace {

TEST(Table, AlignsColumnsUnderTheirTitles) {
  Table table({{"policy", Align::left}, {"jobs"}});
  table.add_row({"fifo", "7"});
  table.add_row({"pd-ors", "12345"});
  EXPECT_EQ(table.text(),
            "policy   jobs\n"
            "fifo        7\n"
            "pd-ors  12345\n");
}

TEST(Table, CountsColumnsOfATerminalAndNotBytes) {
  EXPECT_EQ(display_width("±3"), 2U);
  Table table({{"a", Align::left}, {"b"}});
  table.add_row({"x", "1 ±2"});
  table.add_row({"y", "12345"});
  EXPECT_EQ(table.text(),
            "a      b\n"
            "x   1 ±2\n"
            "y  12345\n");
}

// 4 + 2 + 4 = 10 columns fit, a third column of 4 would need 16.
TEST(Table, ContinuesBelowWithTheFirstColumnRepeated) {
  Table table({{"name", Align::left}, {"aaaa"}, {"bbbb"}});
  table.add_row({"x", "1", "2"});
  EXPECT_EQ(table.text(10),
            "name  aaaa\n"
            "x        1\n"
            "\n"
            "name  bbbb\n"
            "x        2\n");
}

TEST(Wrapped, BreaksAtBlanksAndIndents) {
  EXPECT_EQ(wrapped("one two three", 2, 9), "  one two\n  three\n");
  EXPECT_EQ(wrapped("incomprehensible", 2, 9), "  incomprehensible\n");
  EXPECT_EQ(wrapped("", 2, 9), "");
}

}  // namespace
}  // namespace bourse
