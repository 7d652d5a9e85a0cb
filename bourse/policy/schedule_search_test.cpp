#include "bourse/policy/schedule_search.h"

#include <gtest/gtest.h>

#include <optional>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

/// The job of the worked example: tau = 1e-4, g = 100, gamma = 4, F = 100, b_int = 1000, b_ext =
/// 50, so that q_int = 1e-4 + 4/100 * 200/1000 = .0081 and q_ext = 1e-4 + 4/100 * 200/50 = .1601.
JobSpec worked_job(double samples) {
  JobSpec job;
  job.name = "worked";
  job.samples = samples;
  job.worker = amounts({1, 1});
  job.server = amounts({0, 1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(1e-4),
                                             .gradient = Bytes(100),
                                             .workers_per_server = 4,
                                             .global_batch = 100,
                                             .rate_inside = BytesPerSecond(1000),
                                             .rate_across = BytesPerSecond(50)};
  job.utility = ConstantUtility{1000};
  return job;
}

struct SearchSetting {
  Cluster cluster;
  Ledger ledger{cluster};
  std::vector<double> units = price_units(cluster, false);
  PriceBounds bounds{0.1, std::vector<double>(cluster.types.size(), 10.0)};
  SlotCostCounters counters{};
  SearchOptions options{.slot = Seconds(1), .stickiness = 0, .paper_time = true};

  SearchResult search(const JobSpec& job, double now = 0) {
    JobPrices prices(ledger, bounds, units, job);
    return find_schedule(ledger, job, JobId(0u), job.samples, Seconds(now), prices, options,
                         counters);
  }
};

// V = 1000 in chunks of 500. One slot: ceil(1000 * .0081) = 9 workers > 8 GPUs of a machine, and
// outside 161 > F. Half: ceil(500 * .0081) = 5 workers, ceil(5/4) = 2 servers: 5 * .2 + 2 * .1
// = 1.2 a slot on the idle cluster, so two slots on machine 0 for 2.4.
TEST(FindSchedule, SolvesTheWorkedExample) {
  SearchSetting s{.cluster = cluster_of(2, {{"gpu", 8}, {"cpu", 16}})};
  s.options.chunk_samples = 500;
  const SearchResult result = s.search(worked_job(1000));
  ASSERT_EQ(result.verdict, SearchVerdict::found);
  ASSERT_EQ(result.schedule.slots.size(), 2u);
  for (const ScheduledSlot& slot : result.schedule.slots)
    EXPECT_EQ(slot.allocation, (Allocation{{MachineId(0u), 5, 2}}));
  EXPECT_NEAR(result.schedule.cost, 2.4, 1e-12);
  // Booked: machine 0 has 5 GPUs and 5 + 2 CPUs in use, at .1 * 100^(5/8) and .1 * 100^(7/16).
  for (const ScheduledSlot& slot : result.schedule.slots)
    s.ledger.book(slot.slot, worked_job(1000), slot.allocation, +1);
  const MachineState& state = s.ledger.state(s.ledger.states(0)[0]);
  EXPECT_NEAR(price_at(static_cast<double>(state.used[0]), 8000, 0.1, 10), 1.778, 5e-4);
  EXPECT_NEAR(price_at(static_cast<double>(state.used[1]), 16000, 0.1, 10), 0.750, 5e-4);
}

TEST(FindSchedule, NeverCostsLessForMoreWork) {
  double last = 0;
  for (const double samples : {100.0, 400.0, 900.0, 1800.0, 4000.0}) {
    SearchSetting s{.cluster = cluster_of(2, {{"gpu", 8}, {"cpu", 16}})};
    const SearchResult result = s.search(worked_job(samples));
    ASSERT_EQ(result.verdict, SearchVerdict::found);
    EXPECT_GE(result.schedule.cost, last);
    last = result.schedule.cost;
  }
}

// Worth 0.5 for ever, but a slot of the gang costs .1 and it needs 6: .6.
TEST(FindSchedule, PricesOutAJobThatWouldPayMoreThanItIsWorth) {
  SearchSetting s{.cluster = cluster_of(1, {{"gpu", 1}})};
  EXPECT_EQ(s.search(gang("a", 0, 1, 6, ConstantUtility{0.5})).verdict, SearchVerdict::priced_out);
  EXPECT_EQ(s.search(gang("a", 0, 1, 4, ConstantUtility{0.5})).verdict, SearchVerdict::found);
}

TEST(FindSchedule, FindsNoneForWorkThatCannotEndBeforeTheHorizon) {
  SearchSetting s{.cluster = cluster_of(1, {{"gpu", 1}})};
  s.options.horizon = Seconds(5);
  EXPECT_EQ(s.search(gang("a", 0, 1, 6, ConstantUtility{9})).verdict, SearchVerdict::no_schedule);
  EXPECT_EQ(s.search(gang("a", 0, 1, 5, ConstantUtility{9})).verdict, SearchVerdict::found);
}

// Two of four slots are booked to 7 of 8 GPUs (price 8 x dearer); the gang rests there if its
// utility waits, and pays if it does not.
TEST(FindSchedule, RestsInDearSlotsOnlyIfTheUtilityCanWait) {
  const auto slots_of = [](Utility utility) {
    SearchSetting s{.cluster = cluster_of(1, {{"gpu", 8}})};
    const TaskGroup busy{MachineId(0u), 7, 0};
    for (const SlotIndex slot : {0, 1}) s.ledger.book(slot, gang("x", 0, 7, 9), {&busy, 1}, +1);
    const SearchResult result = s.search(gang("a", 0, 1, 2, std::move(utility)));
    std::vector<SlotIndex> slots;
    for (const ScheduledSlot& slot : result.schedule.slots) slots.push_back(slot.slot);
    return slots;
  };
  EXPECT_EQ(slots_of(ConstantUtility{100}), (std::vector<SlotIndex>{2, 3}));
  EXPECT_EQ(slots_of(DeadlineUtility{100, Seconds(1)}), (std::vector<SlotIndex>{0, 1}));
}

// Exact time, slots of 10 s, now = 4 s, a gang for 12 s: 6 s in what is left of slot 0, 6 s of
// slot 1. It is done at 16 s, not at 22 s, and pays for 6 s of each.
TEST(FindSchedule, UsesWhatIsLeftOfTheCurrentSlot) {
  SearchSetting s{.cluster = cluster_of(1, {{"gpu", 8}})};
  s.options.slot = Seconds(10);
  s.options.paper_time = false;
  const SearchResult result =
      s.search(gang("a", 4, 1, 12, LinearDecayUtility{100, Seconds(0), Seconds(100)}), 4);
  ASSERT_EQ(result.verdict, SearchVerdict::found);
  EXPECT_EQ(result.schedule.slots.size(), 2u);
  EXPECT_EQ(result.schedule.slots[0].slot, 0);
  EXPECT_NEAR(result.schedule.completion.value, 16, 1e-9);
  EXPECT_NEAR(result.schedule.cost, 0.1 * 0.6 + 0.1 * 0.6, 1e-12);
}

// Gangs worth as much whenever they are done. Now or at 10 s, one of 17 s holds a GPU for 17 s at
// one price. By whole slots it would be 0.6 + 1 + 1 of them from now on and 2 from 10 s on.
TEST(FindSchedule, StartsNowWhereWaitingSavesNothing) {
  for (const double duration : {12.0, 17.0, 3.0}) {
    SearchSetting s{.cluster = cluster_of(1, {{"gpu", 8}})};
    s.options.slot = Seconds(10);
    s.options.paper_time = false;
    const SearchResult result = s.search(gang("a", 4, 1, duration, ConstantUtility{100}), 4);
    ASSERT_EQ(result.verdict, SearchVerdict::found);
    EXPECT_EQ(result.schedule.slots[0].slot, 0);
    EXPECT_NEAR(result.schedule.completion.value, 4 + duration, 1e-9);
    EXPECT_NEAR(result.schedule.cost, 0.1 * duration / 10, 1e-12);
  }
}

// One GPU of 8 is taken in slot 0, so a price there is 0.1 * 100^(1/8) = 0.178 instead of 0.1. A
// job worth 100 saves 0.078 by waiting: more than nothing, but less than a thousandth.
TEST(FindSchedule, WaitsOnlyForAsMuchAsToldTo) {
  SearchSetting s{.cluster = cluster_of(1, {{"gpu", 8}})};
  const TaskGroup one{MachineId(0u), 1, 0};
  s.ledger.book(0, gang("x", 0, 1, 1), {&one, 1}, +1);
  const JobSpec job = gang("a", 0, 1, 1, ConstantUtility{100});
  EXPECT_EQ(s.search(job).schedule.slots[0].slot, 1);
  s.options.least_gain = 1e-3;
  EXPECT_EQ(s.search(job).schedule.slots[0].slot, 0);
}

// A ring across racks runs at a tenth of the speed inside one: with 8 GPUs a rack it stays in one
// rack, although rack 0 has the cheaper single machines.
TEST(FindSchedule, KeepsARingInsideARack) {
  SearchSetting s{.cluster = cluster_of(4, {{"gpu", 4}}, 2)};
  const TaskGroup busy{MachineId(1u), 2, 0};
  s.ledger.book(0, gang("x", 0, 2, 9), {&busy, 1}, +1);
  JobSpec ring = gang("ring", 0, 1, 1, DeadlineUtility{100, Seconds(0)});
  ring.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                   .gradient = Bytes(8),
                                   .global_batch = 8,
                                   .rate_inside = BytesPerSecond(1000),
                                   .rate_in_rack = BytesPerSecond(100),
                                   .rate_across = BytesPerSecond(1)};
  ring.samples = 6.5;  // Rate with 8 in a rack: 8 / (1 + 2 * 8 * 7 / (8 * 100)) = 7.02; 7: 6.25.
  s.options.horizon = Seconds(1);
  const SearchResult result = s.search(ring);
  ASSERT_EQ(result.verdict, SearchVerdict::found);
  EXPECT_EQ(result.schedule.slots[0].allocation,
            (Allocation{{MachineId(2u), 4, 0}, {MachineId(3u), 4, 0}}));
}

TEST(FindSchedule, PutsAGangOnFastMachinesIfOnlyTheyAreInTime) {
  Cluster cluster = cluster_of(2, {{"gpu", 1}});
  cluster.classes.push_back({"fast", amounts({1}), 2});
  cluster.machines[1].class_index = 1;
  SearchSetting s{.cluster = cluster};
  const SearchResult result = s.search(gang("a", 0, 1, 2, DeadlineUtility{100, Seconds(0)}));
  ASSERT_EQ(result.verdict, SearchVerdict::found);
  EXPECT_EQ(result.schedule.slots[0].allocation, (Allocation{{MachineId(1u), 1, 0}}));
}

TEST(FindSchedule, RandomizedRoundingFindsAFeasiblePlacementToo) {
  SearchSetting s{.cluster = cluster_of(30, {{"gpu", 4}, {"cpu", 8}})};
  s.options.rounding.mode = RoundingMode::randomized;
  s.options.chunk_samples = 500;
  // ceil(500 * .1601) = 81 workers and 21 servers only fit across machines.
  JobSpec job = worked_job(1000);
  job.worker = amounts({1, 1});
  const SearchResult result = s.search(job);
  ASSERT_EQ(result.verdict, SearchVerdict::found);
  for (const ScheduledSlot& slot : result.schedule.slots) {
    const TaskCounts tasks = tasks_of(slot.allocation);
    EXPECT_GE(tasks.servers * 4, tasks.workers);
  }
}

}  // namespace
}  // namespace bourse
