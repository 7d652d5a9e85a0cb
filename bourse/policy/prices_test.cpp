#include "bourse/policy/prices.h"

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <cmath>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;

// lowest = 1, highest = 16, so each quarter of the capacity doubles the price: 1, 2, 4, 8, 16.
TEST(PriceAt, DoublesEveryQuarterWhenTheBoundsAreSixteenApart) {
  EXPECT_DOUBLE_EQ(price_at(0, 8, 1, 16), 1);
  EXPECT_DOUBLE_EQ(price_at(2, 8, 1, 16), 2);
  EXPECT_DOUBLE_EQ(price_at(4, 8, 1, 16), 4);
  EXPECT_DOUBLE_EQ(price_at(8, 8, 1, 16), 16);
}

// .1 * 100^(5/8) = .1 * 17.7828 = 1.77828; .1 * 100^(7/16) = .1 * 7.49894 = .749894.
TEST(PriceAt, GivesThePricesOfTheWorkedExample) {
  EXPECT_NEAR(price_at(5, 8, 0.1, 10), 1.77828, 1e-5);
  EXPECT_NEAR(price_at(7, 16, 0.1, 10), 0.749894, 1e-6);
}

TEST(PriceAt, IsLowestWhereThereIsNoCapacity) { EXPECT_EQ(price_at(0, 0, 2, 50), 2); }

RC_GTEST_PROP(PriceAt, NeverFallsAsUseGrowsAndStaysWithinItsBounds, ()) {
  const double capacity = *rc::gen::inRange(1, 1000);
  const double a = *rc::gen::inRange(0, static_cast<int>(capacity) + 1);
  const double b = *rc::gen::inRange(0, static_cast<int>(capacity) + 1);
  const double low = price_at(std::min(a, b), capacity, 0.5, 32);
  const double high = price_at(std::max(a, b), capacity, 0.5, 32);
  RC_ASSERT(low <= high);
  RC_ASSERT(low >= 0.5);
  RC_ASSERT(high <= 32 * (1 + 1e-12));
}

TEST(PriceUnits, AreMeanMachineCapacities) {
  const Cluster cluster = cluster_of(2, {{"gpu", 8}, {"cpu", 16}});
  EXPECT_EQ(price_units(cluster, true), (std::vector<double>{8000, 16000}));
  EXPECT_EQ(price_units(cluster, false), (std::vector<double>{1000, 1000}));
}

// A slow ring: alone 1 sample a second, with all 8 workers 64 / (8 + 700) = .09. So 4 samples take
// 4 s at best, in time for all of the value.
TEST(Bounds, TakeTheFastestSizeOfARing) {
  const Cluster cluster = cluster_of(1, {{"gpu", 8}});
  BoundsEstimator estimator(cluster, price_units(cluster, false), {.slot = Seconds(1)});
  JobSpec ring = testing::gang("ring", 0, 1, 4, DeadlineUtility{6, Seconds(4)});
  ring.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                   .gradient = Bytes(50),
                                   .global_batch = 8,
                                   .rate_inside = BytesPerSecond(1),
                                   .rate_in_rack = BytesPerSecond(1),
                                   .rate_across = BytesPerSecond(1)};
  estimator.observe(ring);
  EXPECT_DOUBLE_EQ(estimator.bounds().highest[0], 6);
}

// One machine of 4 GPUs, slots of 1 s, T = 10. Job: gang of 2 for 3 s worth 6 for ever.
//   U = u / demand = 6 / 2 workers? No: alpha is the demand of ONE worker, 1 GPU: U = 6 / 1 = 6.
//   N' = workers x slots x demand of a worker = 2 * 3 * 1 = 6; 1/mu = 6 / (10 * 4) = .15.
//   L = u(T - a) / N' / 2 * (1/mu) = 6 / 6 / 2 * .15 = .075.
TEST(Bounds, FollowTheFormulasOnOneJob) {
  const Cluster cluster = cluster_of(1, {{"gpu", 4}});
  BoundsEstimator estimator(cluster, price_units(cluster, false),
                            {.slot = Seconds(1), .slot_count = 10, .horizon = Seconds(10)});
  estimator.observe(testing::gang("a", 0, 2, 3, ConstantUtility{6}));
  const PriceBounds bounds = estimator.bounds();
  EXPECT_DOUBLE_EQ(bounds.highest[0], 6);
  EXPECT_DOUBLE_EQ(bounds.lowest, 0.075);
}

// A second, urgent job (worth nothing at the end) must not drag L to 0; a third worth 1e-6 does at
// the minimum but not at the median of three values.
TEST(Bounds, LeaveOutJobsWorthNothingAndTakeQuantiles) {
  const Cluster cluster = cluster_of(1, {{"gpu", 4}});
  const auto lowest = [&](double quantile) {
    BoundsEstimator estimator(
        cluster, price_units(cluster, false),
        {.slot = Seconds(1), .slot_count = 10, .horizon = Seconds(10), .quantile = quantile});
    estimator.observe(testing::gang("a", 0, 2, 3, ConstantUtility{6}));
    estimator.observe(testing::gang("b", 0, 2, 3, DeadlineUtility{6, Seconds(4)}));
    estimator.observe(testing::gang("c", 0, 2, 3, DeadlineUtility{6, Seconds(4), 6e-6}));
    estimator.observe(testing::gang("d", 0, 2, 3, ConstantUtility{12}));
    return estimator.bounds().lowest;
  };
  EXPECT_NEAR(lowest(0), 0.075e-6, 1e-12);
  EXPECT_NEAR(lowest(0.5), 0.075, 1e-12);  // Values 1e-6, 1, 2: the second.
  EXPECT_NEAR(lowest(1), 0.15, 1e-12);
}

TEST(Bounds, FallBackToAShareOfTheHighestPriceIfNothingLasts) {
  const Cluster cluster = cluster_of(1, {{"gpu", 4}});
  BoundsEstimator estimator(cluster, price_units(cluster, false), {.slot = Seconds(1)});
  estimator.observe(testing::gang("b", 0, 2, 3, DeadlineUtility{6, Seconds(4)}));
  EXPECT_GT(estimator.bounds().lowest, 0);
  EXPECT_LT(estimator.bounds().lowest, estimator.bounds().highest[0]);
}

}  // namespace
}  // namespace bourse
