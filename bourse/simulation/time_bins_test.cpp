#include "bourse/simulation/time_bins.h"

#include <gtest/gtest.h>

#include <array>

namespace bourse {
namespace {

constexpr double kStart = 1.0 / 64;

// Two bins of 1/64 s; the value is 1 for the first and half of the second, then 0.
TEST(TimeBins, KeepsTheMeanOfEachBin) {
  TimeBins bins(1, 2);
  bins.add(Seconds(0), Seconds(1.5 * kStart), std::array{1.0});
  bins.add(Seconds(1.5 * kStart), Seconds(2 * kStart), std::array{0.0});
  EXPECT_EQ(bins.width(), Seconds(kStart));
  EXPECT_EQ(bins.means(0), (std::vector{1.0, 0.5}));
}

// 1 s needs 64 of the first bins, so with 4 the width doubles four times, to 1/4 s.
TEST(TimeBins, DoubleTheirWidthWhenTheyRunOut) {
  TimeBins bins(2, 4);
  for (int i = 0; i < 64; ++i)
    bins.add(Seconds(i * kStart), Seconds((i + 1) * kStart), std::array{double(i < 32), 3.0});
  EXPECT_EQ(bins.width(), Seconds(0.25));
  EXPECT_EQ(bins.means(0), (std::vector{1.0, 1.0, 0.0, 0.0}));
  EXPECT_EQ(bins.means(1), (std::vector{3.0, 3.0, 3.0, 3.0}));
}

// 0.6 s in bins of 0.25 s: the third was seen for 0.1 s only, and its mean is of that.
TEST(TimeBins, TakeTheMeanOfThePartSeenOfTheLastBin) {
  TimeBins bins(1, 4);
  bins.add(Seconds(0), Seconds(0.6), std::array{2.0});
  EXPECT_EQ(bins.width(), Seconds(0.25));
  EXPECT_EQ(bins.means(0).size(), 3u);
  EXPECT_NEAR(bins.means(0)[2], 2.0, 1e-12);
}

}  // namespace
}  // namespace bourse
