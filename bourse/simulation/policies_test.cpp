// Oracles of the policies that need time to pass: whole runs with finish times known by hand.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;
using testing::instance_of;

std::vector<double> finishes(const Instance& instance, const std::string& policy,
                             const Settings& settings = {}) {
  auto made = make_policy(policy, settings, {.slot = instance.slot, .horizon = instance.horizon});
  EXPECT_TRUE(made.has_value()) << made.error().message;
  std::vector<double> times;
  for (const JobRecord& job : simulate(instance, **made).jobs) times.push_back(job.finish.value);
  return times;
}

void expect_times(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], expected[i], 1e-7) << "job " << i;
}

/// 2 GPUs; J1 2 GPUs x 2 s, J2 1 GPU x 8 s, J3 2 GPUs x 6 s, all at t = 0.
Instance three_jobs() {
  return instance_of(cluster_of(1, {{"gpu", 2}}),
                     {gang("J1", 0, 2, 2), gang("J2", 0, 1, 8), gang("J3", 0, 2, 6)});
}

// Service 4, 8, 12: J1 until 2, J2 until 10, J3 (12 > 8) until 16. Mean 28 / 3 = 9.33.
TEST(Srsf, FinishesTheThreeJobsAt2And10And16) {
  expect_times(finishes(three_jobs(), "srsf"), {2, 10, 16});
}

// Time 2, 8, 6: J1 until 2, J3 until 8, J2 until 16. Mean 26 / 3 = 8.67.
TEST(Srtf, FinishesTheThreeJobsAt2And16And8) {
  expect_times(finishes(three_jobs(), "srtf"), {2, 16, 8});
}

// J1 until 2, J2 until 10, J3 waits for both GPUs until 10, then 16.
TEST(Fifo, FinishesTheThreeJobsAt2And10And16) {
  expect_times(finishes(three_jobs(), "fifo"), {2, 10, 16});
}

// 2 GPUs: A takes one until 10; B wants two and blocks C, which wants one for 1 s.
TEST(Fifo, BlocksBehindItsHeadUnlessItSkips) {
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 2}}), {gang("A", 0, 1, 10), gang("B", 1, 2, 5), gang("C", 2, 1, 1)});
  expect_times(finishes(instance, "fifo"), {10, 15, 16});
  expect_times(finishes(instance, "fifo", {{"skip", "true"}}), {10, 15, 3});
}

// A newcomer that arrives while the head waits may start at once with skip, never before it
// without.
TEST(Fifo, KeepsTheOrderOfTheQueueWhenANewcomerOvertakes) {
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 3}}),
      {gang("A", 0, 2, 10), gang("B", 1, 2, 5), gang("C", 2, 2, 5), gang("D", 3, 1, 1)});
  expect_times(finishes(instance, "fifo", {{"skip", "true"}}), {10, 15, 20, 4});
}

// J1 (3 s of work left when J2 with 1 s arrives at 1) is paused for 1 s and loses its restart cost.
TEST(Srtf, PausesForAShorterJobAndChargesTheRestart) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("J1", 0, 1, 4), gang("J2", 1, 1, 1)});
  expect_times(finishes(instance, "srtf"), {5, 2});
  instance.jobs[0].restart_cost = Seconds(0.5);
  expect_times(finishes(instance, "srtf"), {5.5, 2});
}

// Capacity (9 CPU, 18 GB), A = (1, 4), B = (3, 1). Dominant shares per task: A 4/18 = 2/9, B 3/9.
// Grants: A 2/9, B 3/9, A 4/9, B 6/9, A 6/9, then A needs (1,4): CPU used 3 + 6 = 9: full.
// So A has 3 tasks, B 2; used (9, 14).
TEST(Drf, GivesThreeTasksToAAndTwoToB) {
  const auto elastic = [](std::string name, const std::vector<double>& demand) {
    JobSpec job = gang(std::move(name), 0, 1, 1000);
    job.worker = amounts(demand);
    job.server = amounts({0, 0});
    TableThroughput table;
    for (int n = 1; n <= 9; ++n) table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
    job.throughput = table;
    return job;
  };
  const Instance instance = instance_of(cluster_of(1, {{"cpu", 9}, {"memory", 18}}),
                                        {elastic("A", {1, 4}), elastic("B", {3, 1})});
  auto policy = make_policy("drf", {}, {});
  ASSERT_TRUE(policy.has_value());
  // A trains 1000 samples with 3 workers in 333.3 s; B has 2 until then: 666.7 of its 1000, then 3.
  const SimulationResult result = simulate(instance, **policy);
  EXPECT_NEAR(result.jobs[0].finish.value, 1000.0 / 3, 1e-3);
  EXPECT_NEAR(result.jobs[1].finish.value, 1000.0 / 3 + (1000 - 2 * 1000.0 / 3) / 3, 1e-3);
}

// One group has three jobs, the other one; 2 GPUs. By job the first two arrivals run; by group the
// second group's job comes before the first group's second.
TEST(Drf, SharesAmongGroupsIfAsked) {
  Instance instance = instance_of(
      cluster_of(1, {{"gpu", 2}}),
      {gang("a1", 0, 1, 10), gang("a2", 0, 1, 10), gang("a3", 0, 1, 10), gang("b1", 0, 1, 10)});
  for (std::size_t i = 0; i < 4; ++i) instance.jobs[i].group = i == 3 ? "b" : "a";
  expect_times(finishes(instance, "drf"), {10, 10, 20, 20});
  expect_times(finishes(instance, "drf", {{"share-of", "group"}}), {10, 20, 20, 10});
}

// Slots of 10 s in exact time: arrival at 3 in the middle of slot 0 starts at once.
TEST(PdOrs, StartsInTheMiddleOfASlot) {
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 3, 1, 25)});
  expect_times(finishes(instance, "pd-ors", {{"slot", "10s"}}), {28});
}

TEST(PdOrs, DeclinesWhatCannotEndInTimeAndRunsTheRest) {
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}),
                                        {gang("a", 0, 1, 20, DeadlineUtility{5, Seconds(10)}),
                                         gang("b", 0, 1, 20, DeadlineUtility{5, Seconds(30)})});
  auto policy = make_policy("pd-ors", {{"slot", "10s"}}, {});
  const SimulationResult result = simulate(instance, **policy, {.record_reasons = true});
  EXPECT_EQ(result.jobs[0].status, JobStatus::declined);
  EXPECT_EQ(result.jobs[1].status, JobStatus::finished);
  EXPECT_DOUBLE_EQ(result.jobs[1].utility, 5);
  ASSERT_EQ(result.reasons.size(), 2u);
  EXPECT_EQ(reason_text(result.reasons[0].reason),
            "declined: no schedule completes it while it is worth anything");
  EXPECT_TRUE(reason_text(result.reasons[1].reason).starts_with("admitted: utility 5 for a price"));
}

// The job promised for 20 s truly runs 20 % slower: planned again at its promised end, it goes on.
TEST(PdOrs, FinishesLateJobsAfterAllAndEarlyOnesGiveBackTheirSlots) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {});
  for (int i = 0; i < 20; ++i)
    instance.jobs.push_back(gang("j" + std::to_string(i), 40.0 * i, 1, 20, ConstantUtility{1}));
  auto policy = make_policy("pd-ors", {{"slot", "10s"}}, {});
  const SimulationResult result =
      simulate(instance, **policy, {.seed = 3, .belief_error = 0.4, .record_reasons = true});
  const Metrics metrics = metrics_of(instance, result);
  EXPECT_EQ(metrics.finished, 20u);
  int replanned = 0;
  for (const RecordedReason& r : result.reasons)
    replanned += r.reason.code == ReasonCode::replanned ? 1 : 0;
  EXPECT_GT(replanned, 0);
}

// A restart costs more than a slot is long: a late job that moved every slot would never be done.
// It stays where it is instead.
TEST(PdOrs, EndsThoughARestartTakesLongerThanASlot) {
  Instance instance = instance_of(cluster_of(2, {{"gpu", 1}}), {});
  for (int i = 0; i < 6; ++i) {
    instance.jobs.push_back(gang("j" + std::to_string(i), 7.0 * i, 1, 30, ConstantUtility{1}));
    instance.jobs.back().restart_cost = Seconds(15);
  }
  auto policy = make_policy("pd-ors", {{"slot", "10s"}}, {});
  const SimulationResult result =
      simulate(instance, **policy,
               {.seed = 3,
                .belief_error = 0.3,
                .outages = {{MachineId(0u), Seconds(25), Seconds(33)},
                            {MachineId(1u), Seconds(61), Seconds(64)}}});
  EXPECT_EQ(metrics_of(instance, result).finished, 6u);
}

TEST(PdOrs, PlansAgainWhenAMachineFails) {
  const Instance instance =
      instance_of(cluster_of(2, {{"gpu", 2}}), {gang("a", 0, 2, 50), gang("b", 0, 2, 50)});
  auto policy = make_policy("pd-ors", {{"slot", "10s"}}, {});
  const SimulationResult result =
      simulate(instance, **policy, {.outages = {{MachineId(0u), Seconds(15), Seconds(1000)}}});
  // The one on machine 1 is done at 50; the other waits for it, with 35 s left: 85.
  EXPECT_NEAR(std::min(result.jobs[0].finish, result.jobs[1].finish).value, 50, 1e-6);
  EXPECT_NEAR(std::max(result.jobs[0].finish, result.jobs[1].finish).value, 85, 1e-6);
}

/// Slots of 10 s, one machine; a machine-slot costs 1 while idle.
Settings fixed_prices(const Settings& more) {
  Settings settings{{"slot", "10s"}, {"price-low", "1"}, {"price-high", "100"}};
  settings.insert(more.begin(), more.end());
  return settings;
}

// Two machines of one GPU, the second of which is back at 20. a has the first until 61; b, 30 s of
// work to be done within 55 s of its arrival at 2, waits for the second: 20 to 50.
TEST(PdOrs, AWaitingJobIsBookedWhenAMachineComesBack) {
  const Instance instance = instance_of(cluster_of(2, {{"gpu", 1}}),
                                        {gang("a", 1, 1, 60, DeadlineUtility{50, Seconds(100)}),
                                         gang("b", 2, 1, 30, DeadlineUtility{50, Seconds(55)})});
  const SimulationOptions options{.outages = {{MachineId(1u), Seconds(0.5), Seconds(20)}}};
  auto rejects = make_policy("pd-ors", fixed_prices({{"on-decline", "reject"}}), {});
  EXPECT_EQ(simulate(instance, **rejects, options).jobs[1].status, JobStatus::declined);
  auto waits = make_policy("pd-ors", fixed_prices({{"on-decline", "wait"}}), {});
  const SimulationResult result = simulate(instance, **waits, options);
  EXPECT_NEAR(result.jobs[1].finish.value, 50, 1e-6);
  EXPECT_DOUBLE_EQ(result.jobs[1].utility, 50);
}

// The same without the second machine: from 27 s on no completion is worth anything, and at the
// next slot b is declined with that reason.
TEST(PdOrs, AWaitingJobIsDeclinedOnceItIsWorthNothing) {
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}),
                                        {gang("a", 1, 1, 60, DeadlineUtility{50, Seconds(100)}),
                                         gang("b", 2, 1, 30, DeadlineUtility{50, Seconds(55)})});
  auto waits = make_policy("pd-ors", fixed_prices({{"on-decline", "wait"}}), {});
  const SimulationResult result = simulate(instance, **waits, {.record_reasons = true});
  EXPECT_EQ(result.jobs[1].status, JobStatus::declined);
  EXPECT_EQ(reason_text(result.reasons.back().reason),
            "declined: it waited until no completion was worth anything");
  EXPECT_DOUBLE_EQ(result.reasons.back().time.value, 30);
}

// One GPU, slotted time. a takes the slots 0 and 1 and is promised 20, though 60 would be as good.
// b arrives at 10 and must have slots 1 and 2: a could run later, but not as promised, so b is
// lost.
TEST(PdOrs, RePlanningMovesBookedSlotsOnlyWithinThePromise) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}),
                                  {gang("a", 0, 1, 20, DeadlineUtility{50, Seconds(60)}),
                                   gang("b", 10, 1, 20, DeadlineUtility{50, Seconds(19)})});
  instance.slot = Seconds(10);
  for (const char* replan : {"none", "promises"}) {
    auto policy = make_policy("pd-ors", fixed_prices({{"replan", replan}}), {.slot = Seconds(10)});
    const SimulationResult result = simulate(instance, **policy);
    EXPECT_NEAR(result.jobs[0].finish.value, 20, 1e-6);
    EXPECT_EQ(result.jobs[1].status, JobStatus::declined);
  }
}

// Filler: no completion of b pays its price (worth 0.5, costs 1 a slot), but the machine is idle.
// c arrives in the middle of b's second slot and must start at once, so b gives way: c runs 15 to
// 25, and b, which has 5 s left, runs on when it ends.
TEST(PdOrs, FillerRunsOnIdleMachinesAndGivesWay) {
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}),
                                        {gang("b", 0, 1, 20, ConstantUtility{0.5}),
                                         gang("c", 15, 1, 10, DeadlineUtility{50, Seconds(11)})});
  auto off = make_policy("pd-ors", fixed_prices({{"on-decline", "wait"}}), {});
  EXPECT_EQ(simulate(instance, **off).jobs[0].status, JobStatus::waiting);
  auto on = make_policy("pd-ors", fixed_prices({{"on-decline", "wait"}, {"filler", "on"}}), {});
  const SimulationResult result = simulate(instance, **on);
  EXPECT_NEAR(result.jobs[1].finish.value, 25, 1e-6);
  EXPECT_NEAR(result.jobs[0].finish.value, 30, 1e-6);
}

// The same with restarts of 8 s, most of a slot of 10 s: with nothing booked after c, b starts
// again at 25 and ends at 25 + 8 + 5. With d booked from 30 on it does not start for the time
// before it would have to give way again: it starts when d is done.
TEST(PdOrs, FillerStartsAgainWhereTheRestartPaysOff) {
  std::vector<JobSpec> jobs{gang("b", 0, 1, 20, ConstantUtility{0.5}),
                            gang("c", 15, 1, 10, DeadlineUtility{50, Seconds(11)})};
  jobs[0].restart_cost = Seconds(8);
  const Settings settings{{"on-decline", "wait"}, {"filler", "on"}};
  auto alone = make_policy("pd-ors", fixed_prices(settings), {});
  const Instance two = instance_of(cluster_of(1, {{"gpu", 1}}), jobs);
  EXPECT_NEAR(simulate(two, **alone).jobs[0].finish.value, 38, 1e-6);
  jobs.push_back(gang("d", 20, 1, 10, DeadlineUtility{50, Seconds(21)}));
  auto busy = make_policy("pd-ors", fixed_prices(settings), {});
  const Instance three = instance_of(cluster_of(1, {{"gpu", 1}}), jobs);
  const SimulationResult result = simulate(three, **busy);
  EXPECT_GT(result.jobs[2].finish, result.jobs[1].finish);
  EXPECT_NEAR(result.jobs[0].finish.value, result.jobs[2].finish.value + 13, 1e-6);
}

TEST(PdOrs, FillerNeedsWaitingJobs) {
  const auto made = make_policy("pd-ors", {{"filler", "on"}, {"on-decline", "reject"}}, {});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().message,
            "setting 'pd-ors.filler': on needs on-decline=wait, only waiting jobs are filler");
}

// The only machine goes for good: what cannot go on is unfinished, and the run ends all the same.
TEST(EveryPolicy, LetsTheRunEndWhenTheLastMachineIsGone) {
  const Instance instance =
      instance_of(cluster_of(1, {{"gpu", 2}}), {gang("a", 0, 2, 50), gang("b", 5, 1, 50)});
  for (const PolicyInfo& info : all_policies()) {
    Settings settings;
    if (info.name == "drf") settings = {{"interval", "10s"}};
    if (info.name == "pd-ors") settings = {{"slot", "10s"}};
    auto policy = make_policy(info.name, settings, {});
    ASSERT_TRUE(policy.has_value()) << policy.error().message;
    const SimulationOptions options{.outages = {{MachineId(0u), Seconds(15), kForever}},
                                    .progress = [](double) { return false; }};
    const SimulationResult result = simulate(instance, **policy, options);
    EXPECT_FALSE(result.stopped) << info.name << " was asked thousands of times";
    EXPECT_EQ(metrics_of(instance, result).finished, 0u) << info.name;
  }
}

}  // namespace
}  // namespace bourse
