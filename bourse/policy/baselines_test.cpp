// FIFO and DRF, one decision at a time. Whole runs: bourse/simulation/policies_test.cpp.

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "bourse/policy/drf.h"
#include "bourse/policy/fifo.h"
#include "bourse/policy/fixtures.h"
#include "bourse/policy/scene_fixture.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;
using testing::Scene;

JobSpec elastic(std::string name, const std::vector<double>& demand) {
  JobSpec job = gang(std::move(name), 0, 1, 1000);
  job.worker = amounts(demand);
  job.server = ResourceVector(demand.size());
  TableThroughput table;
  for (int n = 1; n <= 9; ++n) table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
  job.throughput = table;
  return job;
}

// The example of the paper on (9 CPU, 18 GB) with A = (1, 4) and B = (3, 1). Shares of a task: A
// 4/18 = 2/9, B 3/9. In order: A (2/9), B (3/9), A (4/9), B (6/9), A (6/9), and the CPUs are full.
// On a cluster that is filled before the order is through, the order shows: with 1, 4, 5, 8 and 9
// CPUs there is room for the first 1 .. 5 grants.
TEST(Drf, GrantsTasksInTheOrderABABA) {
  const std::vector<std::pair<double, std::pair<int, int>>> steps{
      {1, {1, 0}}, {4, {1, 1}}, {5, {2, 1}}, {8, {2, 2}}, {9, {3, 2}}};
  for (const auto& [cpus, granted] : steps) {
    // A machine with the rest of the CPUs but no memory keeps the totals, and so the shares.
    Cluster cluster = cluster_of(2, {{"cpu", cpus}, {"memory", 18}});
    cluster.classes.push_back({"rest", amounts({9 - cpus, 0})});
    cluster.machines[1].class_index = 1;
    Scene s(std::move(cluster), {elastic("A", {1, 4}), elastic("B", {3, 1})});
    DrfPolicy policy({});
    (void)s.arrive(policy, 0);
    (void)s.arrive(policy, 1);
    EXPECT_EQ(s.tasks(0).workers, granted.first) << cpus << " CPUs";
    EXPECT_EQ(s.tasks(1).workers, granted.second) << cpus << " CPUs";
  }
}

TEST(Drf, StopsAtTheMostWorkersItMayGive) {
  Scene s(cluster_of(1, {{"cpu", 9}}), {elastic("A", {1})});
  DrfPolicy policy({.max_workers = 4});
  (void)s.arrive(policy, 0);
  EXPECT_EQ(s.tasks(0).workers, 4);
}

// A bundle is a worker and what it brings along: with 2 workers a server, workers 1 and 3 bring
// one. 8 CPUs: 1 + 1, +1, +1 +1, +1 = 6, then a worker and a third server need 2: 8.
TEST(Drf, GivesServersAlongWithTheWorkersThatNeedThem) {
  JobSpec job = gang("ps", 0, 1, 1000);
  job.server = amounts({1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                             .gradient = Bytes(1),
                                             .workers_per_server = 2,
                                             .global_batch = 100,
                                             .rate_inside = BytesPerSecond(1),
                                             .rate_across = BytesPerSecond(1)};
  Scene s(cluster_of(1, {{"cpu", 8}}), {job});
  DrfPolicy policy({});
  (void)s.arrive(policy, 0);
  EXPECT_EQ(s.tasks(0), (TaskCounts{5, 3}));
}

// Every 60 s: a job that arrives at 10 waits for the division at 60.
TEST(Drf, DividesOnlyAtItsIntervals) {
  Scene s(cluster_of(1, {{"cpu", 9}}), {elastic("A", {1}), elastic("B", {1})});
  DrfPolicy policy({.interval = Seconds(60)});
  EXPECT_TRUE(s.arrive(policy, 0).changes.empty());
  Decision decision = s.wake(policy, 0);
  EXPECT_EQ(s.tasks(0).workers, 9);
  EXPECT_EQ(decision.wake_at, Seconds(60));
  s.state.set_now(Seconds(10));
  decision = s.arrive(policy, 1);
  EXPECT_TRUE(decision.changes.empty());
  EXPECT_EQ(decision.wake_at, Seconds(60));
  (void)s.wake(policy, 60);
  EXPECT_EQ(s.tasks(0).workers, 5);
  EXPECT_EQ(s.tasks(1).workers, 4);
}

// Nothing runs and nothing can: the next division would come to the same, so it is not asked for.
TEST(Drf, DoesNotWakeForEverWhileNothingCanRun) {
  Scene s(cluster_of(1, {{"cpu", 9}}), {elastic("A", {1})});
  DrfPolicy policy({.interval = Seconds(60)});
  s.state.set_up(MachineId(0u), false);
  EXPECT_EQ(s.arrive(policy, 0).wake_at, Seconds(0));
  EXPECT_EQ(s.wake(policy, 0).wake_at, kForever);
  s.state.set_now(Seconds(90));
  s.state.set_up(MachineId(0u), true);
  const Decision decision =
      policy.decide(s.state, {.kind = EventKind::machine_up, .machine = MachineId(0u)});
  EXPECT_EQ(decision.wake_at, Seconds(90));
  (void)s.wake(policy, 90);
  EXPECT_EQ(s.tasks(0).workers, 9);
}

// Three machines; jobs of 2, 2 and 3 workers go round: 0 1, 2 0, 1 2 0.
TEST(Fifo, DealsTasksRoundTheMachines) {
  Scene s(cluster_of(3, {{"gpu", 3}}),
          {gang("a", 0, 2, 9), gang("b", 0, 2, 9), gang("c", 0, 3, 9)});
  FifoPolicy policy({.placement = PlacementRule::round_robin});
  for (const std::uint32_t job : {0u, 1u, 2u}) (void)s.arrive(policy, job);
  EXPECT_EQ(s.state.job(JobId(0u)).allocation,
            (Allocation{{MachineId(0u), 1, 0}, {MachineId(1u), 1, 0}}));
  EXPECT_EQ(s.state.job(JobId(1u)).allocation,
            (Allocation{{MachineId(0u), 1, 0}, {MachineId(2u), 1, 0}}));
  EXPECT_EQ(s.state.job(JobId(2u)).allocation,
            (Allocation{{MachineId(0u), 1, 0}, {MachineId(1u), 1, 0}, {MachineId(2u), 1, 0}}));
}

TEST(Fifo, SaysWhoWaitsBehindWhom) {
  Scene s(cluster_of(1, {{"gpu", 2}}),
          {gang("a", 0, 1, 9), gang("b", 0, 2, 9), gang("c", 0, 1, 9)});
  FifoPolicy policy({});
  EXPECT_EQ(s.arrive(policy, 0).reasons.at(0).code, ReasonCode::started);
  EXPECT_EQ(s.arrive(policy, 1).reasons.at(0).code, ReasonCode::no_room);
  EXPECT_EQ(s.arrive(policy, 2).reasons.at(0).code, ReasonCode::behind_head);
}

}  // namespace
}  // namespace bourse
