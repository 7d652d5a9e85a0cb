#include "bourse/policy/gadget.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/ring_embedding.h"
#include "bourse/policy/scene_fixture.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;
using testing::Scene;

/// Up to 3 workers, each of which trains one sample a second; it reserves 1 byte a second of links.
JobSpec ring(std::string name) {
  JobSpec job = gang(std::move(name), 0, 1, 100);
  job.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                  .gradient = Bytes(0),
                                  .global_batch = 3,
                                  .rate_inside = BytesPerSecond(1),
                                  .rate_in_rack = BytesPerSecond(1),
                                  .rate_across = BytesPerSecond(1)};
  return job;
}

// Two machines of 2 GPUs, links of 1, slots of 1 s. Both start (sqrt 1 each), both grow to 2
// (sqrt 2 - 1 each): 2 sqrt 2 = 2.83. Sizes 3 and 1 would add only sqrt 3 + 1 = 2.73.
TEST(Gadget, GivesTwoRingsTwoWorkersEachOnTheirOwnMachines) {
  Scene s(cluster_of(2, {{"gpu", 2}}), {ring("a"), ring("b")});
  GadgetPolicy policy({.slot = Seconds(1), .link = BytesPerSecond(1)});
  s.arrive_all(policy);
  (void)s.wake(policy, 0);
  EXPECT_EQ(s.held(0), (Allocation{{MachineId(0u), 2, 0}}));
  EXPECT_EQ(s.held(1), (Allocation{{MachineId(1u), 2, 0}}));
}

// Alone, a ring grows to 3 over both machines if their links have its bandwidth of 1, else not.
TEST(Gadget, SpansMachinesOnlyWithinTheirLinks) {
  for (const auto& [link, workers] : std::vector<std::pair<double, int>>{{1, 3}, {0.5, 2}}) {
    Scene s(cluster_of(2, {{"gpu", 2}}), {ring("a")});
    GadgetPolicy policy({.slot = Seconds(1), .link = BytesPerSecond(link)});
    s.arrive_all(policy);
    (void)s.wake(policy, 0);
    EXPECT_EQ(tasks_of(s.held(0)).workers, workers) << "link " << link;
  }
}

// Of a gang of 2 and one of 1 on 2 GPUs, both of 100 s, the small one adds as much with half the
// share, so it starts, and the other does not fit. After 64 slots its next one adds sqrt(.65) -
// sqrt(.64) = .0062 with half of the GPUs, .0125 per share; the other's first adds sqrt(.01) = .1
// with all of them.
TEST(Gadget, LetsFreshJobsInAsTheGainOfOldOnesFalls) {
  Scene s(cluster_of(1, {{"gpu", 2}}), {gang("two", 0, 2, 100), gang("one", 0, 1, 100)});
  GadgetPolicy policy({.slot = Seconds(1), .gangs_at_once = false});
  s.arrive_all(policy);
  (void)s.wake(policy, 0);
  EXPECT_TRUE(s.held(0).empty());
  EXPECT_FALSE(s.held(1).empty());
  (void)s.wake(policy, 64);
  EXPECT_FALSE(s.held(0).empty());
  EXPECT_TRUE(s.held(1).empty());
}

// Slots of 1 s. A small gang adds sqrt(1 / 8) = .354 with a quarter of the GPUs, 1.41 per share;
// the wide one ends in the slot and adds 1 with all of them, 1 per share. By steps both small ones
// start and add .71; the wide one alone adds more.
TEST(Gadget, PrefersOneJobThatAddsMoreThanAllTheOthers) {
  Scene s(cluster_of(1, {{"gpu", 4}}),
          {gang("small", 0, 1, 8), gang("small 2", 0, 1, 8), gang("wide", 0, 4, 1)});
  GadgetPolicy policy({.slot = Seconds(1), .gangs_at_once = false});
  s.arrive_all(policy);
  (void)s.wake(policy, 0);
  EXPECT_TRUE(s.held(0).empty());
  EXPECT_FALSE(s.held(2).empty());
}

TEST(Gadget, LeavesJobsWhereTheyAre) {
  Scene s(cluster_of(2, {{"gpu", 2}}), {ring("a"), ring("b")});
  GadgetPolicy policy({.slot = Seconds(1), .link = BytesPerSecond(1)});
  s.arrive_all(policy);
  (void)s.wake(policy, 0);
  for (int slot = 1; slot < 5; ++slot) EXPECT_TRUE(s.wake(policy, slot).changes.empty()) << slot;
}

}  // namespace
}  // namespace bourse
