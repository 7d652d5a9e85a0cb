// theta(t, v) against brute force over all placements on tiny clusters.

#include "bourse/policy/slot_costs.h"

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

constexpr double kForbidden = std::numeric_limits<double>::infinity();

/// One slot of a small cluster with bookings, and a job to price on it.
struct CostSetting {
  Cluster cluster;
  JobSpec job;
  double chunk = 1;
  Ledger ledger{cluster};
  std::vector<double> units = price_units(cluster, true);
  PriceBounds bounds{0.1, std::vector<double>(cluster.types.size(), 10.0)};
  RoundingOptions rounding{};
  SlotCostCounters counters{};
  JobPrices prices{ledger, bounds, units, job};

  [[nodiscard]] SlotCosts costs(int levels) {
    return {ledger, job, JobId(0u), prices, rounding, {chunk, levels, Seconds(1)}, counters};
  }
  void book(std::uint32_t machine, const std::vector<double>& use) {
    JobSpec other = gang("other", 0, 1, 1);
    other.worker = amounts(use);
    other.server = ResourceVector(use.size());
    const TaskGroup group{MachineId(machine), 1, 0};
    ledger.book(0, other, {&group, 1}, +1);
  }
  [[nodiscard]] double cost_of(const Allocation& allocation) {
    double cost = 0;
    for (const TaskGroup& group : allocation) {
      const StateId state = ledger.states(0)[group.machine.index()];
      cost += group.workers * prices.worker(state, 0) + group.servers * prices.server(state, 0);
    }
    return cost;
  }
  [[nodiscard]] bool has_room(const TaskGroup& group) const {
    const MachineState& state = ledger.state(ledger.states(0)[group.machine.index()]);
    for (std::size_t r = 0; r < state.residual.size(); ++r)
      if (group.workers * job.worker[r] + group.servers * job.server[r] > state.residual[r])
        return false;
    return true;
  }
  [[nodiscard]] bool trains(const Allocation& allocation, int level) const {
    const double rate =
        samples_per_second(job.throughput, tasks_of(allocation), locality_of(allocation, cluster),
                           slowest_speed(allocation, cluster));
    return rate >= level * chunk * (1 - 1e-9);
  }
  /// Cheapest of all whole placements of at most `most` workers and as many servers a machine.
  [[nodiscard]] double brute_force(int level, int most, int most_servers) {
    double best = kForbidden;
    Allocation tasks;
    visit(0, level, most, most_servers, tasks, best);
    return best;
  }

 private:
  void visit(std::size_t machine, int level, int most, int most_servers, Allocation& tasks,
             double& best) {
    if (cost_of(tasks) >= best) return;
    if (machine == cluster.machines.size()) {
      if (trains(tasks, level)) best = std::min(best, cost_of(tasks));
      return;
    }
    for (int w = 0; w <= most; ++w) {
      for (int s = 0; s <= most_servers; ++s) {
        const TaskGroup group{MachineId(machine), w, s};
        if (!has_room(group)) continue;
        if (w + s > 0) tasks.push_back(group);
        visit(machine + 1, level, most, most_servers, tasks, best);
        if (w + s > 0) tasks.pop_back();
      }
    }
  }
};

/// Three machines of (3 gpu, 6 cpu) in two racks, with random bookings and maybe one fast machine.
CostSetting any_setting(JobSpec job) {
  const bool racks = *rc::gen::arbitrary<bool>();
  const bool fast = *rc::gen::arbitrary<bool>();
  Cluster cluster = cluster_of(3, {{"gpu", 3}, {"cpu", 6}}, racks ? 2 : 1);
  if (fast) {
    MachineClass quick = cluster.classes[0];
    quick.speed = 2;
    cluster.classes.push_back(quick);
    cluster.machines[2].class_index = 1;
  }
  CostSetting s{.cluster = std::move(cluster), .job = std::move(job)};
  s.rounding.solver = *rc::gen::element(SlotSolver::core, SlotSolver::clp);
  for (std::uint32_t h = 0; h < 3; ++h) {
    const double gpus = *rc::gen::inRange(0, 4);
    const double cpus = *rc::gen::inRange(0, 5);
    s.book(h, {gpus, cpus});
  }
  return s;
}

JobSpec any_job(Throughput throughput) {
  JobSpec job = gang("job", 0, 1, 100);
  const double cpu = *rc::gen::inRange(0, 3);
  const double server_cpu = *rc::gen::inRange(1, 3);
  job.worker = amounts({1, cpu});
  job.server = amounts({0, server_cpu});
  job.throughput = std::move(throughput);
  return job;
}

/// The curve is the optimum: the same cost, and infinite for the same levels.
void expect_optimal(CostSetting& s, int levels) {
  SlotCosts costs = s.costs(levels);
  const std::vector<double> curve = costs.curve(0);
  RC_ASSERT(curve[0] == 0);
  for (int level = 1; level <= levels; ++level) {
    const double exact = s.brute_force(level, 3, 0);
    const double cost = curve[static_cast<std::size_t>(level)];
    RC_ASSERT((cost == kForbidden) == (exact == kForbidden));
    if (exact < kForbidden) RC_ASSERT(std::abs(cost - exact) <= 1e-9 * exact);
  }
}

/// What place() returns does the work, fits, and costs what it says.
void expect_placed(CostSetting& s, int levels) {
  SlotCosts costs = s.costs(levels);
  for (int level = 1; level <= levels; ++level) {
    const double target = costs.curve(0)[static_cast<std::size_t>(level)];
    const auto placed = costs.place(0, level, nullptr, 0);
    RC_ASSERT(placed.has_value() == (target < kForbidden));
    if (!placed) continue;
    for (const TaskGroup& group : placed->allocation) RC_ASSERT(s.has_room(group));
    RC_ASSERT(s.trains(placed->allocation, level));
    RC_ASSERT(std::abs(placed->cost - s.cost_of(placed->allocation)) <= 1e-9 * placed->cost);
    RC_ASSERT(std::abs(placed->cost - target) <= 1e-9 * target);
  }
}

RC_GTEST_PROP(SlotCosts, OfAGangAreTheOptimum, ()) {
  const int workers = *rc::gen::inRange(1, 7);
  CostSetting s = any_setting(any_job(RigidThroughput{workers, 0}));
  expect_optimal(s, 2);
  expect_placed(s, 2);
}

RC_GTEST_PROP(SlotCosts, OfATableWithoutServersAreTheOptimum, ()) {
  TableThroughput table;
  for (int n = 1; n <= 6; ++n) {
    table.points.push_back({n, 0, Locality::machine, 2.0 * n});
    table.points.push_back({n, 0, Locality::rack, 1.5 * n});
    table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
  }
  CostSetting s = any_setting(any_job(table));
  expect_optimal(s, 6);
  expect_placed(s, 6);
}

RC_GTEST_PROP(SlotCosts, OfARingAreTheOptimum, ()) {
  const double gradient = *rc::gen::inRange(0, 40);
  CostSetting s = any_setting(any_job(RingThroughput{.compute_per_sample = Seconds(1),
                                                     .gradient = Bytes(gradient),
                                                     .global_batch = 9,
                                                     .rate_inside = BytesPerSecond(100),
                                                     .rate_in_rack = BytesPerSecond(20),
                                                     .rate_across = BytesPerSecond(5)}));
  expect_optimal(s, 6);
  expect_placed(s, 6);
}

// With servers the external case is a rounded relaxation: never below the integer optimum, and
// whatever it finds fits.
RC_GTEST_PROP(SlotCosts, WithServersAreNeverBelowTheOptimum, ()) {
  const int gamma = *rc::gen::inRange(1, 4);
  const double gradient = *rc::gen::inRange(0, 40);
  CostSetting s = any_setting(
      any_job(ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                        .gradient = Bytes(gradient),
                                        .workers_per_server = static_cast<double>(gamma),
                                        .global_batch = 3,
                                        .rate_inside = BytesPerSecond(100),
                                        .rate_across = BytesPerSecond(10)}));
  constexpr int kLevels = 3;
  SlotCosts costs = s.costs(kLevels);
  for (int level = 1; level <= kLevels; ++level) {
    const double exact = s.brute_force(level, 3, 3);
    const double cost = costs.curve(0)[static_cast<std::size_t>(level)];
    if (exact == kForbidden) RC_ASSERT(cost == kForbidden);
    RC_ASSERT(cost >= exact * (1 - 1e-9));
  }
  expect_placed(s, kLevels);
}

// Machine 1 is booked to a half; the job was there in the slot before and may pay for staying.
TEST(SlotCosts, KeepPreviousMachinesWithinTheAllowance) {
  CostSetting s{.cluster = cluster_of(2, {{"gpu", 4}}), .job = gang("a", 0, 2, 100)};
  s.book(1, {2});
  SlotCosts costs = s.costs(1);
  // 2 of 4 GPUs, units of a machine: half of .1 on machine 0, half of .1 * 100^(2/4) = 1 there.
  EXPECT_DOUBLE_EQ(costs.curve(0)[1], 0.05);
  const Allocation there{{MachineId(1u), 2, 0}};
  EXPECT_EQ(costs.place(0, 1, &there, 0.44)->allocation, (Allocation{{MachineId(0u), 2, 0}}));
  const auto stays = costs.place(0, 1, &there, 0.46);
  EXPECT_EQ(stays->allocation, there);
  EXPECT_NEAR(stays->cost, 0.5, 1e-12);
}

TEST(SlotCosts, DoNotKeepMachinesThatAreFullOrTooFew) {
  CostSetting s{.cluster = cluster_of(2, {{"gpu", 4}}), .job = gang("a", 0, 2, 100)};
  s.book(1, {3});
  SlotCosts costs = s.costs(1);
  const Allocation full{{MachineId(1u), 2, 0}};
  const Allocation few{{MachineId(0u), 1, 0}};
  for (const Allocation* previous : {&full, &few})
    EXPECT_EQ(costs.place(0, 1, previous, 1000)->allocation, (Allocation{{MachineId(0u), 2, 0}}));
}

TEST(SlotCosts, ShareOneCurveAmongSlotsInOneState) {
  CostSetting s{.cluster = cluster_of(2, {{"gpu", 4}}), .job = gang("a", 0, 2, 100)};
  s.book(1, {2});
  SlotCosts costs = s.costs(1);
  for (SlotIndex slot = 0; slot < 50; ++slot) (void)costs.curve(slot);
  EXPECT_EQ(s.counters.curves, 2u);  // Slot 0, and all the slots without a booking.
}

TEST(PhaseTimer, PausesTheOuterPhase) {
  static double now;
  now = 0;
  SlotCostCounters counters;
  counters.stopwatch = [] { return now; };
  {
    const PhaseTimer outer(counters, Phase::search);
    now = 2;
    {
      const PhaseTimer inner(counters, Phase::curves);
      now = 5;
    }
    now = 6;
  }
  now = 100;
  EXPECT_DOUBLE_EQ(counters.seconds[static_cast<std::size_t>(Phase::search)], 3);
  EXPECT_DOUBLE_EQ(counters.seconds[static_cast<std::size_t>(Phase::curves)], 3);
  EXPECT_EQ(name_of(Phase::booking), "booking");
}

/// Parameter servers, one a worker; a worker takes a GPU and a CPU, a server a CPU. 1 sample a
/// second and worker, on one machine or several.
JobSpec pairs() {
  JobSpec job = gang("pairs", 0, 1, 1);
  job.worker = amounts({1, 1});
  job.server = amounts({0, 1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                             .workers_per_server = 1,
                                             .global_batch = 100,
                                             .rate_inside = BytesPerSecond(1),
                                             .rate_across = BytesPerSecond(1)};
  return job;
}

// Three idle machines of (4 gpu, 6 cpu). Six workers and six servers need two machines; each then
// has three of both: 3 GPUs, 6 CPUs. Corners such as (4, 2) and (0, 6) would cost the same and use
// a third machine's CPUs up.
TEST(SlotCosts, FillMachinesAlikeWithBothRoles) {
  CostSetting s{.cluster = cluster_of(3, {{"gpu", 4}, {"cpu", 6}}), .job = pairs()};
  SlotCosts costs = s.costs(6);
  const auto placed = costs.place(0, 6, nullptr, 0);
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(placed->allocation, (Allocation{{MachineId(0u), 3, 3}, {MachineId(1u), 3, 3}}));
  EXPECT_NEAR(placed->cost, s.cost_of(placed->allocation), 1e-12);
}

}  // namespace
}  // namespace bourse
