#include "bourse/policy/price_floor.h"

#include <gtest/gtest.h>

#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/prices.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

/// Floors of one class and one resource: 2 in slots 3 to 9, 5 from slot 10 on.
PriceFloor two_steps() {
  PriceFloor floor(1, 1);
  floor.append(3, std::vector{2.0});
  floor.append(10, std::vector{5.0});
  return floor;
}

TEST(PriceFloor, IsConstantOverItsIntervals) {
  const PriceFloor floor = two_steps();
  EXPECT_EQ(floor.interval_count(), 3u);
  EXPECT_TRUE(floor.prices(floor.interval_of(2), 0).empty());
  EXPECT_EQ(floor.prices(floor.interval_of(3), 0)[0], 2);
  EXPECT_EQ(floor.prices(floor.interval_of(9), 0)[0], 2);
  EXPECT_EQ(floor.prices(floor.interval_of(1'000'000), 0)[0], 5);
  EXPECT_EQ(floor.end_of(floor.interval_of(0)), 3);
  EXPECT_EQ(floor.end_of(floor.interval_of(5)), 10);
}

// A machine of 4 GPUs, 1 unit of price each; 0 or 2 of them are taken, so the exponential price is
// 1 or 1 * 16^(2/4) = 4 a GPU. The floors 2 and 5 rule where they are higher; a machine that is
// half full has 2 % / 2 off the floor, 5 * .99 = 4.95.
TEST(JobPrices, AreTheHigherOfStateAndFloor) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  Ledger ledger(cluster);
  const JobSpec job = gang("a", 0, 2, 10);
  const TaskGroup half{MachineId(1u), 2, 0};
  for (const SlotIndex slot : {0, 5, 20}) ledger.book(slot, job, {&half, 1}, +1);
  const PriceBounds bounds{1, {16}};
  const std::vector<double> units = price_units(cluster, false);
  const PriceFloor floor = two_steps();
  JobPrices prices(ledger, bounds, units, job, &floor);
  const auto price = [&](SlotIndex slot, std::size_t machine) {
    return prices.worker(ledger.states(slot)[machine], slot);
  };
  EXPECT_DOUBLE_EQ(price(0, 0), 1);
  EXPECT_DOUBLE_EQ(price(5, 0), 2);
  EXPECT_DOUBLE_EQ(price(5, 1), 4);
  EXPECT_DOUBLE_EQ(price(20, 1), 4.95);
  EXPECT_DOUBLE_EQ(price(20, 0), 5);
  EXPECT_DOUBLE_EQ(price(0, 1), 4);
}

}  // namespace
}  // namespace bourse
