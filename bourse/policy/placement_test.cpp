#include "bourse/policy/placement.h"

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <functional>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

/// A cluster of one class a machine, so that every machine has its own capacity.
Cluster cluster_with(const std::vector<std::vector<double>>& machines) {
  Cluster cluster;
  for (std::size_t r = 0; r < machines.front().size(); ++r)
    (void)cluster.types.add(std::string(1, static_cast<char>('a' + r)), ResourceKind::count);
  for (std::size_t h = 0; h < machines.size(); ++h) {
    cluster.classes.push_back({"class" + std::to_string(h), amounts(machines[h])});
    cluster.machines.push_back({static_cast<std::uint32_t>(h), 0});
  }
  return cluster;
}

JobSpec with_demands(const std::vector<double>& worker, const std::vector<double>& server) {
  JobSpec job = gang("job", 0, 1, 1);
  job.worker = amounts(worker);
  job.server = amounts(server);
  return job;
}

std::optional<Allocation> placed(const std::vector<std::vector<double>>& machines,
                                 const JobSpec& job, TaskCounts tasks,
                                 PlacementRule rule = PlacementRule::pack, std::size_t start = 0) {
  const Cluster cluster = cluster_with(machines);
  return place(ClusterState(cluster, {}), job, tasks, rule, start);
}

Allocation on(std::vector<TaskGroup> groups) { return groups; }

TEST(PlacePack, TakesTheTightestMachineThatHoldsAll) {
  const JobSpec job = with_demands({1}, {0});
  EXPECT_EQ(placed({{8}, {3}, {4}, {2}}, job, {3, 0}), on({{MachineId(1u), 3, 0}}));
}

TEST(PlacePack, BreaksTiesByMachine) {
  const JobSpec one = with_demands({1}, {0});
  EXPECT_EQ(placed({{8}, {4}, {4}}, one, {2, 0}), on({{MachineId(1u), 2, 0}}));
  const JobSpec two = with_demands({1, 1}, {0, 0});
  EXPECT_EQ(placed({{8, 8}, {4, 9}, {4, 9}}, two, {2, 0}), on({{MachineId(1u), 2, 0}}));
}

// Left over is compared by the types in their order: 3 GPUs free beat 4, whatever the CPUs.
TEST(PlacePack, ComparesWhatIsLeftByTypesInOrder) {
  const JobSpec job = with_demands({1, 1}, {0, 0});
  EXPECT_EQ(placed({{4, 2}, {3, 9}}, job, {2, 0}), on({{MachineId(1u), 2, 0}}));
}

// 9 workers do not fit one machine; 6 + 3 on the two roomiest, not on three.
TEST(PlacePack, SpreadsOverTheFewestMachines) {
  const JobSpec job = with_demands({1}, {0});
  EXPECT_EQ(placed({{2}, {4}, {6}, {3}}, job, {9, 0}),
            on({{MachineId(1u), 3, 0}, {MachineId(2u), 6, 0}}));
  EXPECT_EQ(placed({{2}, {4}, {6}, {3}}, job, {16, 0}), std::nullopt);
}

TEST(PlacePack, PutsServersBesideTheWorkers) {
  const JobSpec job = with_demands({1, 1}, {0, 1});
  // Machine 2 takes 4 workers and has 2 CPUs left, machine 0 takes 2.
  EXPECT_EQ(placed({{2, 4}, {1, 9}, {4, 6}}, job, {6, 3}),
            on({{MachineId(0u), 2, 1}, {MachineId(2u), 4, 2}}));
}

TEST(PlacePack, NeedsRoomForServersOnlyIfTheyDemandSomething) {
  const JobSpec free_servers = with_demands({1}, {0});
  EXPECT_EQ(placed({{2}, {2}}, free_servers, {4, 3}),
            on({{MachineId(0u), 2, 3}, {MachineId(1u), 2, 0}}));
}

// The workers alone would go to machine 0, which is the only one a server fits on.
TEST(PlacePack, TriesServersFirstIfWorkersLeaveThemNoRoom) {
  const JobSpec job = with_demands({1, 1}, {0, 2});
  EXPECT_EQ(placed({{1, 2}, {1, 1}}, job, {1, 1}),
            on({{MachineId(0u), 0, 1}, {MachineId(1u), 1, 0}}));
}

TEST(PlaceRoundRobin, DealsTasksOutFromItsStart) {
  const JobSpec job = with_demands({1}, {1});
  EXPECT_EQ(placed({{2}, {2}, {2}}, job, {2, 2}, PlacementRule::round_robin, 2),
            on({{MachineId(0u), 1, 0}, {MachineId(1u), 0, 1}, {MachineId(2u), 1, 1}}));
  EXPECT_EQ(placed({{2}, {2}, {2}}, job, {1, 0}, PlacementRule::round_robin, 7),
            on({{MachineId(1u), 1, 0}}));
}

TEST(PlaceRoundRobin, PassesOverFullMachines) {
  const JobSpec job = with_demands({1}, {0});
  EXPECT_EQ(placed({{1}, {0}, {3}}, job, {4, 0}, PlacementRule::round_robin),
            on({{MachineId(0u), 1, 0}, {MachineId(2u), 3, 0}}));
  EXPECT_EQ(placed({{1}, {0}, {3}}, job, {5, 0}, PlacementRule::round_robin), std::nullopt);
}

TEST(Place, NeverUsesAMachineThatIsDown) {
  const Cluster cluster = cluster_of(2, {{"gpu", 2}});
  ClusterState state(cluster, {});
  state.set_up(MachineId(0u), false);
  const JobSpec idle = with_demands({0}, {0});  // Demands nothing, fits anywhere that is up.
  for (const auto rule : {PlacementRule::pack, PlacementRule::round_robin}) {
    EXPECT_EQ(place(state, idle, {3, 2}, rule), on({{MachineId(1u), 3, 2}}));
    EXPECT_EQ(place(state, with_demands({1}, {0}), {3, 0}, rule), std::nullopt);
  }
}

TEST(FreeCapacity, SeesWhatWasTakenAndGiven) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const ClusterState state(cluster, {});
  FreeCapacity free(state);
  const JobSpec job = gang("a", 0, 1, 1);
  const Allocation both{{MachineId(0u), 3, 0}, {MachineId(1u), 1, 0}};
  EXPECT_TRUE(free.has(job, both));
  free.take(job, both);
  EXPECT_EQ(free.of(MachineId(0u))[0], 1000);
  EXPECT_FALSE(free.has(job, both));
  EXPECT_EQ(place(free, job, {2, 0}), on({{MachineId(1u), 2, 0}}));
  free.give(job, both);
  EXPECT_TRUE(free.has(job, both));
}

struct RandomPlacement {
  std::vector<std::vector<double>> machines;
  JobSpec job;
  TaskCounts tasks;
};

RandomPlacement any_case(bool servers) {
  RandomPlacement c;
  const int count = *rc::gen::inRange(1, 5);
  for (int h = 0; h < count; ++h) {
    const double gpus = *rc::gen::inRange(0, 4);
    const double cpus = *rc::gen::inRange(0, 6);
    c.machines.push_back({gpus, cpus});
  }
  const double gpu = *rc::gen::inRange(0, 3);
  const double cpu = *rc::gen::inRange(0, 3);
  const double server_cpu = *rc::gen::inRange(0, 3);
  c.job = with_demands({gpu, cpu}, {0, server_cpu});
  c.tasks.workers = *rc::gen::inRange(1, 6);
  c.tasks.servers = servers ? *rc::gen::inRange(0, 4) : 0;
  return c;
}

RC_GTEST_PROP(Place, ReturnsAllTasksWhereTheyFit, ()) {
  const RandomPlacement c = any_case(true);
  const Cluster cluster = cluster_with(c.machines);
  const ClusterState state(cluster, {});
  const auto start = *rc::gen::inRange<std::size_t>(0, 9);
  for (const auto rule : {PlacementRule::pack, PlacementRule::round_robin}) {
    const auto found = place(state, c.job, c.tasks, rule, start);
    if (!found) continue;
    RC_ASSERT(tasks_of(*found) == c.tasks);
    RC_ASSERT(FreeCapacity(state).has(c.job, *found));
    Allocation tidy = *found;
    normalize(tidy);
    RC_ASSERT(tidy == *found);
  }
}

// With one role, what fits machine by machine adds up.
RC_GTEST_PROP(Place, FindsRoomForOneRoleWheneverThereIsSome, ()) {
  const RandomPlacement c = any_case(false);
  std::int64_t room = 0;
  for (const auto& machine : c.machines)
    room += count_that_fits(c.job.worker, amounts(machine), c.tasks.workers);
  for (const auto rule : {PlacementRule::pack, PlacementRule::round_robin})
    RC_ASSERT(placed(c.machines, c.job, c.tasks, rule).has_value() == (room >= c.tasks.workers));
}

// pack uses no more machines than it must: any fewer cannot hold the workers.
RC_GTEST_PROP(PlacePack, UsesTheFewestMachinesForOneRole, ()) {
  const RandomPlacement c = any_case(false);
  if (c.job.worker == amounts({0, 0})) return;  // One machine holds any number of those.
  const auto found = placed(c.machines, c.job, c.tasks);
  if (!found) return;
  std::vector<std::int64_t> room;
  for (const auto& machine : c.machines)
    room.push_back(count_that_fits(c.job.worker, amounts(machine), c.tasks.workers));
  std::ranges::sort(room, std::greater{});
  std::int64_t fewer = 0;
  for (std::size_t i = 0; i + 1 < found->size(); ++i) fewer += room[i];
  RC_ASSERT(fewer < c.tasks.workers);
}

}  // namespace
}  // namespace bourse
