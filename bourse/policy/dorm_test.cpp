#include "bourse/policy/dorm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bourse/policy/dorm_program.h"
#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

/// Containers of one of 10 units.
DormApp app(int current, int max = 10) {
  return {.demand = {0.1}, .min = 1, .max = max, .current = current};
}

DormLimits limits(double theta1, int adjustments) {
  return {.room = {1}, .loss = 2 * theta1, .adjustments = adjustments};
}

// Capacity 10, A = B = 4. theta1 = .5: the loss may be 1; s* = .5 each, so A = 6 and B = 4 lose .2.
// theta2 = .5 of two jobs: one may be resized. All 10 are used if one of them grows to 6: A, the
// earlier. theta2 = 0: nothing changes.
TEST(DormProgram, LetsExactlyOneOfTwoGrowToSix) {
  std::vector<DormApp> apps{app(4), app(4)};
  set_fair_shares(apps);
  EXPECT_NEAR(apps[0].fair_share, 0.5, 1e-12);
  EXPECT_EQ(dorm_program(apps, limits(0.5, 1), 100), (std::vector<int>{6, 4}));
  EXPECT_EQ(dorm_program(apps, limits(0.5, 0), 100), (std::vector<int>{4, 4}));
  EXPECT_EQ(dorm_greedy(apps, limits(0.5, 1)), (std::vector<int>{6, 4}));
  EXPECT_EQ(dorm_greedy(apps, limits(0.5, 0)), (std::vector<int>{4, 4}));
}

// (6, 4) loses .2, (5, 4) loses .1. With a bound of .1 A may only have 5.
TEST(DormProgram, KeepsTheFairnessBound) {
  std::vector<DormApp> apps{app(4), app(4)};
  set_fair_shares(apps);
  EXPECT_EQ(dorm_program(apps, limits(0.05, 1), 100), (std::vector<int>{5, 4}));
  EXPECT_EQ(dorm_greedy(apps, limits(0.05, 1)), (std::vector<int>{5, 4}));
}

// Two newcomers of at least 6 do not fit 10.
TEST(DormProgram, SaysWhenNothingFits) {
  const DormApp wide{.demand = {0.1}, .min = 6, .max = 8};
  EXPECT_FALSE(dorm_program({wide, wide}, limits(1, 0), 100).has_value());
  EXPECT_EQ(dorm_greedy({wide, wide}, limits(1, 0)), (std::vector<int>{8, 0}));
}

// Shares of a container: A (1/9, 4/18), B (3/9, 1/18); DRF gives 3 and 2: s* = 6/9 each.
TEST(FairShares, AreThoseOfDrf) {
  std::vector<DormApp> apps{{.demand = {1.0 / 9, 4.0 / 18}, .max = 9},
                            {.demand = {3.0 / 9, 1.0 / 18}, .max = 9}};
  set_fair_shares(apps);
  EXPECT_NEAR(apps[0].fair_share, 6.0 / 9, 1e-12);
  EXPECT_NEAR(apps[1].fair_share, 6.0 / 9, 1e-12);
}

JobSpec elastic(std::string name, int most) {
  JobSpec job = gang(std::move(name), 0, 1, 1000);
  TableThroughput table;
  for (int n = 1; n <= most; ++n) table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
  job.throughput = table;
  return job;
}

/// All jobs arrive at once; one round. Returns the workers of each.
std::vector<int> after_one_round(const Cluster& cluster, const std::vector<JobSpec>& jobs,
                                 const DormOptions& options) {
  ClusterState state(cluster, jobs);
  DormPolicy policy(options);
  std::vector<int> workers(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    state.arrive(JobId(i));
    EXPECT_TRUE(
        policy.decide(state, {.kind = EventKind::arrival, .job = JobId(i)}).changes.empty());
  }
  for (const Change& change : policy.decide(state, {.kind = EventKind::wake}).changes)
    workers[change.job.index()] = tasks_of(change.allocation).workers;
  return workers;
}

// 10 GPUs: a gang of 4 comes first, then two elastic jobs share the other 6. s* of them is .3 each
// and the gang's .4, so any split of 6 with a loss of at most .2 will do.
TEST(Dorm, StartsGangsWholeAndSharesTheRest) {
  const std::vector<int> workers = after_one_round(
      cluster_of(2, {{"gpu", 5}}), {gang("gang", 0, 4, 9), elastic("a", 9), elastic("b", 9)}, {});
  EXPECT_EQ(workers[0], 4);
  EXPECT_EQ(workers[1] + workers[2], 6);
  EXPECT_LE(std::abs(workers[1] - workers[2]), 2);
}

TEST(Dorm, LeavesWaitingWhatFitsNowhere) {
  const std::vector<int> workers =
      after_one_round(cluster_of(1, {{"gpu", 4}}),
                      {gang("a", 0, 3, 9), gang("b", 0, 2, 9), gang("c", 0, 1, 9)}, {});
  EXPECT_EQ(workers, (std::vector<int>{3, 0, 1}));
}

TEST(Dorm, GivesNoMoreWorkersThanAllowed) {
  EXPECT_EQ(after_one_round(cluster_of(1, {{"gpu", 9}}), {elastic("a", 9)}, {.max_workers = 2}),
            (std::vector<int>{2}));
}

}  // namespace
}  // namespace bourse
