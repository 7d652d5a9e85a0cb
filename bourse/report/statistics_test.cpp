#include "bourse/report/statistics.h"

#include <gtest/gtest.h>

#include <vector>

namespace bourse {
namespace {

// Mean 2, deviation 1 (n - 1 in the denominator), 2 degrees of freedom: t = 4.302653, so the half
// width is 4.302653 x 1 / sqrt(3) = 2.484138.
TEST(IntervalOf, UsesStudentsQuantile) {
  const Interval interval = interval_of(std::vector<double>{1, 2, 3});
  EXPECT_DOUBLE_EQ(interval.mean, 2);
  EXPECT_NEAR(interval.half_width, 2.484138, 1e-6);
}

// 10 degrees of freedom: t = 2.228139 by the tables. Values 0..10: mean 5, variance 11, half width
// 2.228139 x sqrt(11 / 11) = 2.228139.
TEST(IntervalOf, AgreesWithTheTablesBeyondTheExactValues) {
  const Interval interval = interval_of(std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  EXPECT_DOUBLE_EQ(interval.mean, 5);
  EXPECT_NEAR(interval.half_width, 2.228139, 2e-3);
}

TEST(IntervalOf, HasNoWidthForOneValue) {
  const Interval interval = interval_of(std::vector<double>{7});
  EXPECT_EQ(interval.mean, 7);
  EXPECT_EQ(interval.half_width, 0);
  EXPECT_EQ(interval_of({}).mean, 0);
}

}  // namespace
}  // namespace bourse
