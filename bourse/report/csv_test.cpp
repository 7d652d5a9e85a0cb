#include "bourse/report/csv.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

TEST(CsvField, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(csv_field("fifo"), "fifo");
  EXPECT_EQ(csv_field(""), "");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"no\""), "\"say \"\"no\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field(" edge"), "\" edge\"");
}

TEST(CsvLine, JoinsFieldsByCommas) { EXPECT_EQ(csv_line({"a", "", "b,c"}), "a,,\"b,c\"\n"); }

}  // namespace
}  // namespace bourse
