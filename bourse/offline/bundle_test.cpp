#include "bourse/offline/bundle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "bourse/base/random.h"

namespace bourse {
namespace {

// max(4 - x - y, x + 3 y - 2, y - x + 1) over x, y >= 0: with y = 0 the first two meet at x = 3 and
// both are 1 there; the third is -2. No y > 0 helps, as the second falls with y too slowly.
TEST(MinimizeNonnegative, FindsTheCornerOfThreePlanes) {
  const auto planes = [](std::span<const double> at, std::span<double> slope) {
    const double values[] = {4 - at[0] - at[1], at[0] + 3 * at[1] - 2, at[1] - at[0] + 1};
    const double slopes[][2] = {{-1, -1}, {1, 3}, {-1, 1}};
    const auto highest = std::max_element(std::begin(values), std::end(values));
    std::ranges::copy(slopes[highest - std::begin(values)], slope.begin());
    return *highest;
  };
  const BundleResult best =
      minimize_nonnegative(planes, {0, 5}, {.max_evaluations = 200, .gap = 1e-9}, nullptr);
  EXPECT_NEAR(best.value, 1, 1e-7);
  EXPECT_NEAR(best.point[0], 3, 1e-6);
  EXPECT_NEAR(best.point[1], 0, 1e-6);
  EXPECT_TRUE(best.converged);
  EXPECT_TRUE(std::ranges::is_sorted(best.history, std::greater<>()));
}

// Sum of w |x - c|: the least is 0 at c where c >= 0, else w |c| at 0. Many kinks, few cuts.
TEST(MinimizeNonnegative, GetsCloseToTheKinkOfTwentyDimensionsWithFewCuts) {
  RandomStream random(1, Purpose::test);
  std::vector<double> centre;
  std::vector<double> weight;
  double least = 0;
  for (int j = 0; j < 20; ++j) {
    centre.push_back(random.uniform(-1, 3));
    weight.push_back(random.uniform(0.1, 5));
    least += weight.back() * std::max(0.0, -centre.back());
  }
  const auto kinks = [&](std::span<const double> at, std::span<double> slope) {
    double value = 0;
    for (std::size_t j = 0; j < at.size(); ++j) {
      value += weight[j] * std::abs(at[j] - centre[j]);
      slope[j] = at[j] < centre[j] ? -weight[j] : weight[j];
    }
    return value;
  };
  const BundleResult best =
      minimize_nonnegative(kinks, std::vector<double>(20, 0.0),
                           {.max_evaluations = 300, .max_cuts = 15, .gap = 1e-6}, nullptr);
  EXPECT_NEAR(best.value, least, 0.01 * least);
}

TEST(MinimizeNonnegative, StaysAtAStartThatIsBest) {
  const auto rising = [](std::span<const double> at, std::span<double> slope) {
    slope[0] = 1;
    return 5 + at[0];
  };
  const BundleResult best = minimize_nonnegative(rising, {0}, {}, nullptr);
  EXPECT_EQ(best.value, 5);
  EXPECT_EQ(best.evaluations, 1U);
  EXPECT_TRUE(best.converged);
}

}  // namespace
}  // namespace bourse
