#include "bourse/simulation/variants.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;
using testing::instance_of;

TEST(AtLoad, DividesArrivalsAndHorizon) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 5), gang("b", 10, 1, 5)});
  instance.horizon = Seconds(100);
  const Instance twice = at_load(instance, 2);
  EXPECT_EQ(twice.jobs[1].arrival, Seconds(5));
  EXPECT_EQ(twice.horizon, Seconds(50));
  EXPECT_EQ(twice.jobs[1].samples, instance.jobs[1].samples);
}

// Three times as large: the copies of a follow at thirds of the 9 s until b.
TEST(Enlarged, SpreadsCopiesUntilTheNextArrival) {
  const Instance instance =
      instance_of(cluster_of(2, {{"gpu", 1}}), {gang("a", 0, 1, 5), gang("b", 9, 1, 5)});
  const Instance large = enlarged(instance, 3);
  EXPECT_EQ(large.cluster.machines.size(), 6u);
  EXPECT_EQ(large.cluster.rack_count, 3 * instance.cluster.rack_count);
  ASSERT_EQ(large.jobs.size(), 6u);
  EXPECT_EQ(large.jobs[0].name, "a");
  EXPECT_EQ(large.jobs[2].name, "a~2");
  EXPECT_NEAR(large.jobs[1].arrival.value, 3, 1e-12);
  EXPECT_NEAR(large.jobs[2].arrival.value, 6, 1e-12);
  EXPECT_EQ(large.jobs[5].arrival, Seconds(9));
}

TEST(ByGroup, CountsTimeFromTheFirstArrivalOfEachGroup) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}),
                                  {gang("a", 4, 1, 5), gang("b", 10, 1, 5), gang("c", 12, 1, 5)});
  instance.jobs[0].group = "y";
  instance.jobs[1].group = "x";
  instance.jobs[2].group = "y";
  const std::vector<GroupInstance> groups = by_group(instance);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].group, "x");
  EXPECT_EQ(groups[0].instance.jobs[0].arrival, Seconds(0));
  ASSERT_EQ(groups[1].instance.jobs.size(), 2u);
  EXPECT_EQ(groups[1].instance.jobs[1].arrival, Seconds(8));
}

// Slots of 5 s: the first arrival at 12 s is in the slot that begins at 10 s, and stays 2 s into
// it.
TEST(ByGroup, KeepsTheSlotsOfSlottedTime) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 12, 1, 5)});
  instance.slot = Seconds(5);
  instance.horizon = Seconds(50);
  const std::vector<GroupInstance> groups = by_group(instance);
  EXPECT_EQ(groups[0].instance.jobs[0].arrival, Seconds(2));
  EXPECT_EQ(groups[0].instance.horizon, Seconds(40));
}

}  // namespace
}  // namespace bourse
