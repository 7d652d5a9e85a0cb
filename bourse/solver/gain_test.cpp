#include "bourse/solver/gain.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace bourse {
namespace {

RoundingRows packing(double least) { return {.packing_rows = 801, .packing_least = least}; }
RoundingRows cover(double least) { return {.cover_rows = 2, .cover_least = least}; }

// r = 801, delta = 0.1: ln(3 * 801 / 0.1) = ln 24030 = 10.0871. W = 100: c = 3 * 10.0871 / 100 =
// 0.302612, G = 1 + 0.151306 - sqrt(0.0228935 + 0.302612) = 1.151306 - 0.570531 = 0.580775.
TEST(Gain, PackingHasTheTabulatedValues) {
  const double expected[][2] = {{20, .312}, {50, .468}, {100, .581}, {200, .679}, {1000, .841}};
  for (const auto& [least, gain] : expected)
    EXPECT_NEAR(packing_favoured_unchecked(packing(least), 0.1), gain, 5e-4) << least;
}

// 6 ln 24030 = 60.52: the paper's form is valid from there on, where G = 1/2.
TEST(Gain, PaperFormExistsOnlyFromOneHalfUp) {
  EXPECT_FALSE(packing_favoured(packing(20), 0.1));
  EXPECT_FALSE(packing_favoured(packing(60.5), 0.1));
  ASSERT_TRUE(packing_favoured(packing(60.6), 0.1));
  EXPECT_NEAR(*packing_favoured(packing(60.6), 0.1), 0.5, 1e-3);
  EXPECT_NEAR(packing_favoured(packing(1000), 0.1).value(), .841, 5e-4);
}

// W = 100: c' = 0.100871, G = (2.100871 - sqrt(0.010175 + 0.806966)) / 2
//                           = (2.100871 - 0.903958) / 2 = 0.598457.
TEST(Gain, SafePackingHasTheTabulatedValues) {
  const double expected[][2] = {{20, .217}, {50, .458}, {100, .598}, {200, .707}, {1000, .863}};
  for (const auto& [least, gain] : expected)
    EXPECT_NEAR(packing_safe(packing(least), 0.1).value(), gain, 5e-4) << least;
}

TEST(Gain, SafePackingDoesNotExistForNarrowRows) {
  EXPECT_FALSE(packing_safe(packing(10.08), 0.1));  // ln 24030 = 10.0871
  EXPECT_TRUE(packing_safe(packing(10.09), 0.1));
  EXPECT_FALSE(packing_safe(packing(0), 0.1));
}

// m = 2, delta = 0.1: ln 60 = 4.09434. W = 100: k = 0.0409434,
// G = 1.0409434 + sqrt(0.00167636 + 0.0818869) = 1.0409434 + 0.2890731 = 1.3300166.
TEST(Gain, CoverHasTheTabulatedValues) {
  const double expected[][2] = {
      {20, 1.877}, {50, 1.495}, {100, 1.330}, {200, 1.224}, {1000, 1.095}};
  for (const auto& [least, gain] : expected)
    EXPECT_NEAR(cover_favoured(cover(least), 0.1).value(), gain, 5e-4) << least;
  EXPECT_FALSE(cover_favoured({}, 0.1));
}

TEST(Gain, NothingToPackNeedsNoShrinking) {
  const RoundingRows rows{.packing_least = std::numeric_limits<double>::infinity()};
  EXPECT_EQ(packing_favoured(rows, 0.1), 1.0);
  EXPECT_EQ(packing_safe(rows, 0.1), 1.0);
}

// Worker (1 gpu, 2 cpu), server (0, 3). Machine 0 has (4, 12): gpu row 4/1 = 4, cpu row
// 12/max(2, 3) = 4. Machine 1 has (0, 6): only servers fit, cpu row 6/3 = 2, and its gpu row has no
// variable left. Machine 2 has (9, 1): nothing fits. So three rows, the least 2.
TEST(RoundingRows, CountsOnlyRowsThatCanBreak) {
  const SlotMachines machines{.resource_count = 2,
                              .worker_price = {1, 1, 1},
                              .server_price = {1, 1, 1},
                              .residual = {4, 12, 0, 6, 9, 1}};
  const std::vector<std::int64_t> worker{1, 2};
  const std::vector<std::int64_t> server{0, 3};
  const RoundingRows rows = rounding_rows(machines, {worker, server}, 8, 3);
  EXPECT_EQ(rows.packing_rows, 3U);
  EXPECT_DOUBLE_EQ(rows.packing_least, 2);
  EXPECT_EQ(rows.cover_rows, 2U);
  EXPECT_DOUBLE_EQ(rows.cover_least, 3);
  EXPECT_EQ(rounding_rows(machines, {worker, server}, 8, 0).cover_rows, 1U);
}

}  // namespace
}  // namespace bourse
