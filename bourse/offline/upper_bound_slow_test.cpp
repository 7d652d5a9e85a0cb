// The bound against the offline optimum, and laws of the dual, on random small instances of every
// shape, utility, speed and rack.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/offline/fixtures.h"
#include "bourse/offline/optimum.h"
#include "bourse/offline/upper_bound.h"

namespace bourse {
namespace {

constexpr std::uint64_t kInstances = 100;

Instance drawn(std::uint64_t seed, bool slotted) {
  RandomStream random(seed, Purpose::test);
  Instance instance = testing::random_instance(random, 4);
  if (slotted) return instance;
  instance.slot = Seconds(0);
  for (JobSpec& job : instance.jobs) job.arrival += Seconds(random.uniform(0, 0.9));
  return instance;
}

/// What the schedule earns if each job stops the moment it is done, in the time of the instance.
double exact_utility(const Instance& instance, const Schedule& schedule) {
  double total = 0;
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    const JobSpec& job = instance.jobs[i];
    if (!schedule.jobs[i].completion) continue;
    double left = job.samples;
    for (const SlotAllocation& held : schedule.jobs[i].slots) {
      const double samples = samples_in_slot(job, instance.cluster, held.tasks, schedule.slot);
      const double share = std::min(1.0, left / samples);
      const Seconds finish = (static_cast<double>(held.slot) + share) * schedule.slot;
      if (held.slot == *schedule.jobs[i].completion)
        total += utility_at(job.utility, utility_delay(job.arrival, finish, instance.slot));
      left -= samples;
    }
  }
  return total;
}

TEST(UpperBound, IsNeverBelowTheOptimumOfASlottedInstance) {
  int tight = 0;
  for (std::uint64_t seed = 1; seed <= kInstances; ++seed) {
    const Instance instance = drawn(seed, true);
    const auto best = optimum(instance, {.node_limit = 300});
    ASSERT_TRUE(best) << best.error().message;
    const UpperBound bound = upper_bound(instance);
    EXPECT_GE(bound.utility * (1 + 1e-6) + 1e-6, best->utility) << "seed " << seed;
    EXPECT_LE(bound.utility, bound.unhindered + 1e-9) << "seed " << seed;
    if (bound.utility <= best->utility * 1.0001) ++tight;
  }
  EXPECT_GT(tight, static_cast<int>(kInstances / 4)) << "the bound is hardly ever reached";
}

TEST(UpperBound, IsNeverBelowTheOptimumInExactTimeForAnyCell) {
  for (std::uint64_t seed = 1; seed <= kInstances / 4; ++seed) {
    const Instance instance = drawn(seed, false);
    const auto best = optimum(instance, {.slot = Seconds(1), .node_limit = 20});
    ASSERT_TRUE(best) << best.error().message;
    const double reached = exact_utility(instance, best->schedule);
    for (const double cell : {0.0, 0.07, 0.5, 1.3, 4.0}) {
      const double bound = upper_bound(instance, {.cell = Seconds(cell)}).utility;
      EXPECT_GE(bound * (1 + 1e-6) + 1e-6, reached) << "seed " << seed << ", cell " << cell;
    }
  }
}

/// Prices that are 0 in some cells and large in others.
std::vector<double> random_prices(RandomStream& random, std::size_t count) {
  std::vector<double> prices;
  for (std::size_t j = 0; j < count; ++j)
    prices.push_back(random.integer(0, 2) == 0 ? 0 : random.exponential(2e-3));
  return prices;
}

TEST(DualValue, IsABoundForAnyPrices) {
  for (std::uint64_t seed = 1; seed <= kInstances; ++seed) {
    const Instance instance = drawn(seed, true);
    const auto best = optimum(instance, {.node_limit = 100});
    ASSERT_TRUE(best) << best.error().message;
    const UpperBound bound = upper_bound(instance);
    DualProblem problem{.cluster = &instance.cluster,
                        .times = bound.times,
                        .capacity = bound.capacity,
                        .utility_slot = instance.slot};
    for (const JobSpec& job : instance.jobs)
      problem.jobs.push_back({.spec = &job, .arrival = job.arrival, .samples = job.samples});
    RandomStream random(seed, Purpose::test, 1);
    for (int draw = 0; draw < 20; ++draw) {
      const std::vector<double> prices = random_prices(random, problem.capacity.values.size());
      const double value = dual_value(problem, prices);
      EXPECT_GE(value * (1 + 1e-6) + 1e-6, best->utility) << "seed " << seed;
      // The search found prices that are at least as good as any, but for its gap.
      EXPECT_GE(value * (1 + 2e-3) + 1e-6, bound.utility) << "seed " << seed;
    }
  }
}

/// A random allocation that fits the empty machines, perhaps empty.
Allocation random_allocation(RandomStream& random, const Instance& instance, const JobSpec& job) {
  Allocation tasks;
  for (std::size_t h = 0; h < instance.cluster.machines.size(); ++h) {
    const auto capacity = instance.cluster.capacity(MachineId(h));
    ResourceVector free(capacity.begin(), capacity.end());
    TaskGroup group{MachineId(h), static_cast<int>(random.integer(0, 4)), 0};
    group.workers = static_cast<int>(count_that_fits(job.worker, free, group.workers));
    take(free, job.worker, group.workers);
    group.servers = static_cast<int>(count_that_fits(job.server, free, random.integer(0, 3)));
    tasks.push_back(group);
  }
  normalize(tasks);
  return tasks;
}

TEST(DualValue, NeverOverestimatesTheCostOfAnAllocation) {
  int tried = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    RandomStream random(seed, Purpose::test, 2);
    Instance instance = drawn(seed, true);
    JobSpec job = instance.jobs[0];
    const Allocation tasks = random_allocation(random, instance, job);
    const double rate = samples_in_slot(job, instance.cluster, tasks, Seconds(1));
    if (rate <= 0) continue;
    ++tried;
    job.samples = rate;
    job.utility = ConstantUtility{1000};
    const DualProblem problem{.cluster = &instance.cluster,
                              .times = equal_cells(Seconds(0), Seconds(1), 1),
                              .capacity = full_capacity(instance.cluster, 1),
                              .jobs = {{.spec = &job, .samples = rate}}};
    const std::vector<double> prices = random_prices(random, problem.capacity.values.size());
    double cost = 0;
    double worth = 0;
    for (std::size_t j = 0; j < prices.size(); ++j) worth += prices[j] * problem.capacity.values[j];
    for (const TaskGroup& group : tasks) {
      const std::uint32_t c = instance.cluster.machines[group.machine.index()].class_index;
      for (std::size_t r = 0; r < 2; ++r)
        cost += prices[problem.capacity.index(0, c, r)] *
                static_cast<double>(job.worker[r] * group.workers + job.server[r] * group.servers);
    }
    const double estimate = 1000 - (dual_value(problem, prices) - worth);
    EXPECT_LE(estimate, cost * (1 + 1e-6) + 1e-9) << "seed " << seed;
  }
  EXPECT_GT(tried, 100);
}

}  // namespace
}  // namespace bourse
