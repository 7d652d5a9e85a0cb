#include "bourse/offline/optimum.h"

#include <gtest/gtest.h>
// After gtest, which it extends.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/offline/fixtures.h"

namespace bourse {
namespace {

using testing::add_machine;
using testing::empty_instance;
using testing::make_job;
using testing::oracle_shape;
using testing::random_shape;

constexpr Amount kUnit = kAmountsPerUnit;

Optimum solved(const Instance& instance) {
  const auto out = optimum(instance);
  EXPECT_TRUE(out) << out.error().message;
  EXPECT_TRUE(out->proven);
  EXPECT_NEAR(out->bound, out->utility, 1e-5 * std::max(1.0, out->utility));
  return *out;
}

// 1000 samples in one slot need 8.1 -> 9 workers and 3 servers on one machine.
TEST(Optimum, RunsParameterServersInsideOneMachineAsTheOracleSays) {
  for (const auto& [gpus, cpus, utility] : {std::tuple(9, 12, 10.0), {8, 12, 0.0}, {9, 11, 0.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, gpus, cpus);
    instance.jobs = {make_job(oracle_shape(), 1000)};
    const Optimum best = solved(instance);
    EXPECT_DOUBLE_EQ(best.utility, utility) << gpus << " " << cpus;
    if (utility > 0) {
      EXPECT_EQ(best.schedule.jobs[0].slots[0].tasks, (Allocation{{MachineId(0U), 9, 3}}));
    }
  }
}

// Workers and servers cannot share a machine: 100 workers train 100 / .1601 = 624.6 samples.
TEST(Optimum, RunsParameterServersAcrossMachinesAsTheOracleSays) {
  for (const auto& [samples, utility] : {std::pair(624.0, 10.0), {625.0, 0.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, 200, 0);
    add_machine(instance, 0, 50);
    instance.jobs = {make_job(oracle_shape(), samples)};
    instance.jobs[0].worker = {kUnit, 0};
    EXPECT_DOUBLE_EQ(solved(instance).utility, utility) << samples;
  }
}

// Oracle 2: two machines of (8 gpu, 16 cpu). A job of 1000 samples needs 9 workers inside one
// machine, that is two slots. Two slots of two machines have 32 gpus: three jobs fit, four do not.
TEST(Optimum, PacksAsManyJobsAsTheWorkedExampleAllows) {
  for (const auto& [jobs, slots, utility] :
       {std::tuple(1, 1, 0.0), {1, 2, 10.0}, {3, 2, 30.0}, {4, 2, 30.0}}) {
    Instance instance = empty_instance(slots);
    add_machine(instance, 8, 16);
    instance.cluster.machines.push_back({0, 0});
    instance.jobs.assign(static_cast<std::size_t>(jobs), make_job(oracle_shape(), 1000));
    EXPECT_DOUBLE_EQ(solved(instance).utility, utility) << jobs << " " << slots;
  }
}

// One sample takes 1 s of computing. Alone on a machine of 2 gpus a ring of 2 takes 1/2 s; across
// machines a step of 4 samples takes 4/4 + 2 * 2 * 3/4 / 3 = 2 s with 4 workers, so 2 samples a
// second: as good as 2 workers inside. In a rack the rate is 12, 1 + .25 = 1.25 s, 3.2 a second.
TEST(Optimum, PutsARingWhereItsLocalityMatters) {
  const RingThroughput ring{.compute_per_sample = Seconds(1),
                            .gradient = Bytes(2),
                            .global_batch = 4,
                            .rate_inside = BytesPerSecond(1e9),
                            .rate_in_rack = BytesPerSecond(12),
                            .rate_across = BytesPerSecond(3)};
  for (const auto& [rack, samples, utility] :
       {std::tuple(0U, 3.2, 10.0), {0U, 3.3, 0.0}, {1U, 2.0, 10.0}, {1U, 2.1, 0.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, 2, 8);
    add_machine(instance, 2, 8, rack);
    instance.jobs = {make_job(ring, samples)};
    EXPECT_DOUBLE_EQ(solved(instance).utility, utility) << rack << " " << samples;
  }
}

// A gang of 3 workers and 1 server needs both machines; it runs at the speed of the slowest one
// with a worker: 1 where the fast machine holds two of them, so one second of work takes one slot.
TEST(Optimum, RunsAGangAtTheSpeedOfItsSlowestMachine) {
  for (const auto& [fast_gpus, samples, utility] :
       {std::tuple(2, 1.0, 10.0), {2, 1.1, 0.0}, {3, 2.0, 10.0}, {3, 2.1, 0.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, 2, 8);
    add_machine(instance, fast_gpus, 3, 0, 2.0);
    instance.jobs = {make_job(RigidThroughput{.workers = 3, .servers = 1}, samples)};
    EXPECT_DOUBLE_EQ(solved(instance).utility, utility) << fast_gpus << " " << samples;
  }
}

// Measured: 4 workers train 8 inside a machine and 5 anywhere; 2 workers train 3 anywhere. With 4
// gpus on one machine 8 samples are done in a slot; split in two, 5.
TEST(Optimum, UsesTheMeasuredPointThatFits) {
  const TableThroughput table{
      {{4, 0, Locality::machine, 8}, {4, 0, Locality::cluster, 5}, {2, 0, Locality::cluster, 3}}};
  for (const auto& [first, second, samples, utility] : {std::tuple(4, 1, 8.0, 10.0),
                                                        {3, 1, 8.0, 0.0},
                                                        {3, 1, 5.0, 10.0},
                                                        {3, 0, 5.0, 0.0},
                                                        {3, 0, 3.0, 10.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, first, 8);
    add_machine(instance, second, 8, 1);
    instance.jobs = {make_job(table, samples)};
    EXPECT_DOUBLE_EQ(solved(instance).utility, utility) << first << " " << samples;
  }
}

// Two gangs want the one machine for two slots each. The first decays from 10 by 4 a slot, the
// second has a deadline of 3 slots (delay <= 3): first then second earns 10 - 4 + 10 = 16.
TEST(Optimum, OrdersJobsByWhatDelayCosts) {
  Instance instance = empty_instance(4);
  add_machine(instance, 2, 2);
  instance.jobs.assign(2, make_job(RigidThroughput{.workers = 2}, 2));
  instance.jobs[0].utility =
      LinearDecayUtility{.value = 10, .full_until = Seconds(0), .zero_at = Seconds(2.5)};
  instance.jobs[1].utility = DeadlineUtility{.value = 10, .deadline = Seconds(3)};
  const Optimum best = solved(instance);
  EXPECT_NEAR(best.utility, 16, 1e-9);
  EXPECT_EQ(best.schedule.jobs[0].completion, 1);
  EXPECT_EQ(best.schedule.jobs[1].completion, 3);
}

TEST(Optimum, WaitsForTheSlotAfterAnArrivalInsideOne) {
  Instance instance = empty_instance(2);
  add_machine(instance, 2, 2);
  instance.jobs = {make_job(RigidThroughput{.workers = 2}, 1)};
  instance.jobs[0].arrival = Seconds(0.5);
  EXPECT_EQ(solved(instance).schedule.jobs[0].completion, 1);
  instance.jobs[0].arrival = Seconds(1.5);
  EXPECT_EQ(solved(instance).schedule.jobs[0].completion, std::nullopt);
}

// Ten gangs of random sizes on two machines are too many for one node: the answer is a checked
// schedule and a bound, and the same again.
TEST(Optimum, StopsAtTheNodeLimitWithAScheduleAndABound) {
  Instance instance = empty_instance(5);
  for (int h = 0; h < 2; ++h) add_machine(instance, 4, 8);
  RandomStream random(3, Purpose::test);
  for (int i = 0; i < 10; ++i) {
    const int workers = static_cast<int>(random.integer(1, 5));
    instance.jobs.push_back(make_job(RigidThroughput{.workers = workers}, random.uniform(1, 4)));
    instance.jobs.back().utility = LinearDecayUtility{
        .value = random.uniform(1, 10), .full_until = Seconds(1), .zero_at = Seconds(8)};
  }
  const auto first = optimum(instance, {.node_limit = 0});
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_FALSE(first->proven);
  EXPECT_GT(first->bound, first->utility);
  EXPECT_DOUBLE_EQ(check_schedule(instance, first->schedule).value(), first->utility);
  EXPECT_DOUBLE_EQ(optimum(instance, {.node_limit = 0})->utility, first->utility);
}

TEST(Optimum, OfNothingIsNothing) {
  Instance instance = empty_instance(3);
  EXPECT_EQ(solved(instance).utility, 0);
  add_machine(instance, 1, 1);
  instance.jobs = {make_job(RigidThroughput{.workers = 2}, 1)};  // never fits
  EXPECT_EQ(solved(instance).utility, 0);
}

TEST(Optimum, RefusesWhatItCannotSolve) {
  Instance instance = empty_instance(3);
  add_machine(instance, 8, 16);
  instance.jobs = {make_job(oracle_shape(), 1000)};
  const auto refused = [&](const OptimumOptions& options) {
    return optimum(instance, options).error();
  };
  EXPECT_EQ(refused({.max_columns = 5}).code, ErrorCode::resource_exhausted);
  EXPECT_EQ(refused({.max_columns = 5}).message,
            "the offline optimum of 1 jobs on 1 machines over 3 slots needs more than 5 variables; "
            "take fewer jobs, machines or slots");
  instance.slot = Seconds(0);
  EXPECT_EQ(refused({}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(
      refused({}).message,
      "the offline optimum needs a slot length above 0; the instance has none, so one must be "
      "given");
  instance.horizon = kForever;
  EXPECT_EQ(refused({.slot = Seconds(1)}).message, "the offline optimum needs a finite horizon");
}

/// What every job can train in one slot together, over all allocations; only undominated ones.
using Gains = std::vector<double>;

void add_gain(std::vector<Gains>& front, const Gains& gains) {
  const auto covers = [](const Gains& a, const Gains& b) {
    return std::ranges::equal(a, b, [](double x, double y) { return x >= y; });
  };
  if (std::ranges::any_of(front, [&](const Gains& other) { return covers(other, gains); })) return;
  std::erase_if(front, [&](const Gains& other) { return covers(gains, other); });
  front.push_back(gains);
}

bool fits_all(const Cluster& cluster, const std::vector<const Allocation*>& held,
              const std::vector<JobSpec>& jobs) {
  std::vector<ResourceVector> room;
  for (std::size_t h = 0; h < cluster.machines.size(); ++h) {
    const auto capacity = cluster.capacity(MachineId(h));
    room.emplace_back(capacity.begin(), capacity.end());
  }
  for (std::size_t i = 0; i < held.size(); ++i)
    for (const TaskGroup& group : *held[i]) {
      take(room[group.machine.index()], jobs[i].worker, group.workers);
      take(room[group.machine.index()], jobs[i].server, group.servers);
    }
  return std::ranges::all_of(room, [](const ResourceVector& left) {
    return std::ranges::all_of(left, [](Amount amount) { return amount >= 0; });
  });
}

/// All allocations of one job that fit two empty machines of 2 gpus, where every task takes one.
std::vector<Allocation> all_allocations(const Instance& instance, std::size_t job) {
  std::vector<Allocation> out;
  for (int code = 0; code < 81; ++code) {
    Allocation tasks{{MachineId(0U), code % 3, code / 3 % 3},
                     {MachineId(1U), code / 9 % 3, code / 27}};
    normalize(tasks);
    if (tasks_of(tasks).workers <= max_workers(instance.jobs[job].throughput) &&
        fits_all(instance.cluster, {&tasks}, {instance.jobs[job]}))
      out.push_back(std::move(tasks));
  }
  return out;
}

std::vector<Gains> slot_gains(const Instance& instance) {
  const auto gain = [&](std::size_t job, const Allocation& tasks) {
    return samples_in_slot(instance.jobs[job], instance.cluster, tasks, instance.slot);
  };
  const std::vector<Allocation> of_second = all_allocations(instance, 1);
  std::vector<Gains> front;
  for (const Allocation& first : all_allocations(instance, 0))
    for (const Allocation& second : of_second)
      if (fits_all(instance.cluster, {&first, &second}, instance.jobs))
        add_gain(front, {gain(0, first), gain(1, second)});
  return front;
}

double search(const Instance& instance, const std::vector<Gains>& front, std::int64_t slot,
              const Gains& done) {
  if (slot >= slot_count(instance.horizon, instance.slot)) return 0;
  double best = 0;
  for (const Gains& gains : front) {
    Gains next = done;
    double utility = 0;
    for (std::size_t i = 0; i < 2; ++i) {
      const JobSpec& job = instance.jobs[i];
      if (slot < first_slot(job, instance.slot)) continue;
      next[i] += gains[i];
      const double enough = job.samples * (1 - kWorkTolerance);
      if (done[i] < enough && next[i] >= enough)
        utility += utility_in_slot(job, instance.slot, slot, instance.slot);
    }
    best = std::max(best, utility + search(instance, front, slot + 1, next));
  }
  return best;
}

/// Two jobs on two machines of at most 2 gpus, over three slots.
Instance random_instance(RandomStream& random) {
  Instance instance = empty_instance(3);
  for (int h = 0; h < 2; ++h)
    add_machine(instance, random.integer(1, 2), random.integer(1, 4),
                static_cast<std::uint32_t>(random.integer(0, 1)),
                random.integer(0, 1) == 0 ? 1.0 : 1.5);
  if (random.integer(0, 1) == 0) instance.cluster.machines[1] = instance.cluster.machines[0];
  for (int i = 0; i < 2; ++i) {
    JobSpec job = make_job(random_shape(random), random.uniform(0.5, 8));
    // A server takes 2 cpus or the gpu: at most one of them fits beside a worker, as brute force
    // has it.
    job.server = {kUnit, random.integer(1, 2) * kUnit};
    job.worker = {kUnit, random.integer(0, 1) * kUnit};
    job.arrival = Seconds(static_cast<double>(random.integer(0, 1)));
    job.utility = SigmoidUtility{.value = random.uniform(1, 10),
                                 .steepness = random.uniform(0, 3),
                                 .midpoint = Seconds(random.uniform(0, 3))};
    instance.jobs.push_back(job);
  }
  return instance;
}

RC_GTEST_PROP(Optimum, EqualsBruteForceOnTinyInstances, ()) {
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
  const Instance instance = random_instance(random);
  const auto best = optimum(instance);
  if (!best) RC_FAIL(best.error().message);
  RC_ASSERT(best->proven);
  const double expected = search(instance, slot_gains(instance), 0, {0, 0});
  if (std::abs(best->utility - expected) > 1e-5 * std::max(1.0, expected)) {
    RC_LOG() << "optimum " << best->utility << ", brute force " << expected << "\n";
    RC_FAIL("differs");
  }
  RC_ASSERT(best->bound >= expected * (1 - 1e-6));
}

}  // namespace
}  // namespace bourse
