#include "bourse/policy/sjf_bco.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/ring_contention.h"

namespace bourse {
namespace {

using testing::gang;

// m = 100, w = 4, B = 1000, C = 1e4, compute .05, overhead .01:
// 2 * 100 * 3 / (4 * 1000) + 100 * 3 / (4 * 1e4) + .05 + .01 = .15 + .0075 + .06 = .2175.
TEST(StepTime, AddsExchangeReductionComputeAndOverhead) {
  const RingStep step{.gradient = Bytes(100),
                      .workers = 4,
                      .rate = BytesPerSecond(1000),
                      .reduce_rate = BytesPerSecond(1e4),
                      .compute = Seconds(0.05),
                      .overhead = Seconds(0.01)};
  EXPECT_NEAR(step_time(step).value, 0.2175, 1e-12);
}

// alpha = .2: 1 + .2 * 0 = 1; 2 + .2 * 1 = 2.2; 3 + .2 * 2 = 3.4.
TEST(ContentionDivisor, CostsMoreThanTheParts) {
  EXPECT_DOUBLE_EQ(contention_divisor(0.2, 1), 1);
  EXPECT_DOUBLE_EQ(contention_divisor(0.2, 2), 2.2);
  EXPECT_DOUBLE_EQ(contention_divisor(0.2, 3), 3.4);
}

/// 2 workers; a step of 2 samples computes 1 s and exchanges 2 * 8 / 2 = 8 bytes: 1 s inside a
/// machine, 2 s across.
JobSpec ring(std::string name, double samples) {
  JobSpec job = gang(std::move(name), 0, 2, samples);
  job.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                  .gradient = Bytes(8),
                                  .global_batch = 2,
                                  .rate_inside = BytesPerSecond(8),
                                  .rate_in_rack = BytesPerSecond(4),
                                  .rate_across = BytesPerSecond(4)};
  return job;
}

// 10 samples are 5 steps. Inside 2 s each. Across 1 + 2 = 3 s alone, and with another ring on the
// link 1 + 2 * 2.2 = 5.4 s.
TEST(ContendedDuration, SlowsRingsThatShareALink) {
  const JobSpec job = ring("a", 10);
  EXPECT_NEAR(contended_duration(job, 10, 1, 1, {}).value, 10, 1e-9);
  EXPECT_NEAR(contended_duration(job, 10, 2, 1, {}).value, 15, 1e-9);
  EXPECT_NEAR(contended_duration(job, 10, 2, 2, {}).value, 27, 1e-9);
  EXPECT_NEAR(contended_duration(job, 10, 2, 1, {.per_machine = Seconds(0.5)}).value, 20, 1e-9);
}

TEST(ContendedDuration, LeavesGangsAsDeclared) {
  const JobSpec job = gang("a", 0, 2, 10);
  EXPECT_NEAR(contended_duration(job, 10, 2, 5, {}).value, 10, 1e-9);
}

GpuTimes idle(std::size_t machines, std::size_t gpus) {
  return {.busy = std::vector<std::vector<double>>(machines, std::vector<double>(gpus)),
          .crossing = std::vector<int>(machines)};
}

BcoJob planned(std::uint32_t id, const JobSpec& job) {
  return {.id = JobId(id), .spec = &job, .samples = job.samples, .workers = job.requested_workers};
}

// Two machines of 2 GPUs; gangs of 1, 1 and 2 for 4 s each: the small ones fill one machine, so
// the wide one has the other, and all are done at 4. Spread over both, they would make it cross or
// wait.
TEST(PlanBatch, KeepsMachinesWholeForWideJobs) {
  const JobSpec one = gang("one", 0, 1, 4);
  const JobSpec two = gang("two", 0, 2, 4);
  GpuTimes times = idle(2, 2);
  const auto plan = plan_batch({planned(0, two), planned(1, one), planned(2, one)}, times, {});
  ASSERT_EQ(plan.size(), 3u);
  EXPECT_EQ(plan[0].id, JobId(1u)) << "fewest workers first, then by id";
  EXPECT_EQ(plan[2].id, JobId(0u));
  EXPECT_EQ(plan[0].workers, plan[1].workers);
  EXPECT_EQ(plan[2].workers.size(), 1u);
  for (const BcoPlacement& placed : plan) EXPECT_NEAR(placed.end, 4, 1e-9);
}

// One GPU is busy for 10 s on either machine of 2. A ring of 10 s inside a machine and 15 s across:
// across it starts at 0 and ends at 15; inside at 10 and 20. With a second ring on the link it
// would take 27 s, so it waits for a machine of its own.
TEST(PlanBatch, WeighsContentionAgainstWaiting) {
  const JobSpec job = ring("ring", 10);
  GpuTimes times = idle(2, 2);
  times.busy = {{0, 10}, {0, 10}};
  const auto alone = plan_batch({planned(0, job)}, times, {});
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(alone[0].workers.size(), 2u);
  EXPECT_NEAR(alone[0].end, 15, 1e-9);
  EXPECT_EQ(times.crossing, (std::vector<int>{1, 1}));
  const auto second = plan_batch({planned(1, job)}, times, {});
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].workers.size(), 1u);
  EXPECT_NEAR(second[0].start, 15, 1e-9);
}

TEST(PlanBatch, LeavesOutWhatDoesNotFitTheGpus) {
  const JobSpec wide = gang("wide", 0, 5, 4);
  const JobSpec one = gang("one", 0, 1, 4);
  GpuTimes times = idle(2, 2);
  const auto plan = plan_batch({planned(0, wide), planned(1, one)}, times, {});
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].id, JobId(1u));
}

// Four equal jobs of 1 GPU on two: two after two, makespan 8, whatever the budget began with.
TEST(PlanBatch, BalancesTheBusyTimes) {
  const JobSpec one = gang("one", 0, 1, 4);
  GpuTimes times = idle(2, 1);
  const auto plan =
      plan_batch({planned(0, one), planned(1, one), planned(2, one), planned(3, one)}, times, {});
  double makespan = 0;
  for (const BcoPlacement& placed : plan) makespan = std::max(makespan, placed.end);
  EXPECT_NEAR(makespan, 8, 1e-9);
}

}  // namespace
}  // namespace bourse
