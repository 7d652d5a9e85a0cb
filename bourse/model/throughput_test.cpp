#include "bourse/model/throughput.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <cmath>

namespace bourse {
namespace {

constexpr Locality kLocalities[] = {Locality::machine, Locality::rack, Locality::cluster};

// pd-ors.md, oracle 1. A slot is a second here, sizes are in bytes: tau = 1e-4, g = 100, gamma = 4,
// F = 100, b_int = 1000, b_ext = 50. Per-sample time q = tau + (gamma / F) * (2 g / b):
// inside 1e-4 + 0.04 * 200 / 1000 = 0.0081, across 1e-4 + 0.04 * 200 / 50 = 0.1601.
ParameterServerThroughput paper_job() {
  return {.compute_per_sample = Seconds(1e-4),
          .gradient = Bytes(100),
          .workers_per_server = 4,
          .global_batch = 100,
          .rate_inside = BytesPerSecond(1000),
          .rate_across = BytesPerSecond(50)};
}

RingThroughput ring_job() {
  return {.compute_per_sample = Seconds(0.01),
          .gradient = Bytes(100),
          .global_batch = 100,
          .rate_inside = BytesPerSecond(1000),
          .rate_in_rack = BytesPerSecond(400),
          .rate_across = BytesPerSecond(100)};
}

TableThroughput table_job() {
  return {.points = {{1, 1, Locality::cluster, 10},
                     {4, 1, Locality::cluster, 25},
                     {4, 2, Locality::cluster, 30},
                     {4, 2, Locality::machine, 36},
                     {8, 2, Locality::rack, 60}}};
}

std::string error_of(const Throughput& throughput) {
  const auto ok = validate(throughput);
  return ok ? "no error" : ok.error().message;
}

// 1000 samples in a slot: inside 1000 * 0.0081 = 8.1, so 9 workers and ceil(9 / 4) = 3 servers;
// across 1000 * 0.1601 = 160.1, so 161 workers, more than F. The most that 100 workers train across
// is 100 / 0.1601 = 624.6.
TEST(ParameterServers, AreThoseOfThePapersOracle) {
  const Throughput job = paper_job();
  EXPECT_EQ(tasks_for_rate(job, 1000, Locality::machine), (TaskCounts{9, 3}));
  EXPECT_EQ(tasks_for_rate(job, 1000, Locality::cluster), std::nullopt);
  EXPECT_EQ(std::floor(samples_per_second(job, {100, 25}, Locality::cluster)), 624);
  EXPECT_EQ(tasks_for_rate(job, 624, Locality::cluster), (TaskCounts{100, 25}));
  EXPECT_EQ(tasks_for_rate(job, 625, Locality::cluster), std::nullopt);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {1, 1}, Locality::machine), 1 / 0.0081);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {1, 1}, Locality::rack), 1 / 0.1601);
}

TEST(ParameterServers, BoundTheWorkersThatHelp) {
  const Throughput job = paper_job();
  EXPECT_EQ(samples_per_second(job, {9, 0}, Locality::machine), 0);
  EXPECT_EQ(samples_per_second(job, {0, 9}, Locality::machine), 0);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {9, 2}, Locality::machine), 8 / 0.0081);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {150, 99}, Locality::machine), 100 / 0.0081);
}

// A machine of speed 2 halves tau alone: 5e-5 + 0.008 = 0.00805.
TEST(ParameterServers, ComputeFasterButDoNotSendFasterOnAFastMachine) {
  EXPECT_DOUBLE_EQ(samples_per_second(paper_job(), {1, 1}, Locality::machine, 2), 1 / 0.00805);
}

// F tau = 1 s for one worker: 100 samples a second. Four workers on one machine: 1 / 4 + 2 * 100 *
// 3 / (4 * 1000) = 0.25 + 0.15 = 0.4 s, 250 a second; in one rack 0.25 + 150 / 400 = 0.625 s, 160 a
// second; across 0.25 + 1.5 = 1.75 s, 57.14 a second.
TEST(Ring, SlowsDownWithDistance) {
  const Throughput job = ring_job();
  EXPECT_DOUBLE_EQ(samples_per_second(job, {1, 0}, Locality::cluster), 100);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {4, 0}, Locality::machine), 250);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {4, 0}, Locality::rack), 160);
  EXPECT_DOUBLE_EQ(samples_per_second(job, {4, 0}, Locality::cluster), 100 / 1.75);
  EXPECT_EQ(tasks_for_rate(job, 250, Locality::machine), (TaskCounts{4, 0}));
  EXPECT_EQ(tasks_for_rate(job, 251, Locality::machine), (TaskCounts{5, 0}));
  EXPECT_EQ(tasks_for_rate(job, 101, Locality::cluster), std::nullopt);
  EXPECT_EQ(samples_per_second(job, {0, 0}, Locality::machine), 0);
}

TEST(Rigid, RunsWholeOrNotAtAll) {
  const Throughput job = RigidThroughput{.workers = 8, .servers = 1};
  EXPECT_EQ(samples_per_second(job, {8, 1}, Locality::cluster), 1);
  EXPECT_EQ(samples_per_second(job, {8, 1}, Locality::cluster, 2), 2);
  EXPECT_EQ(samples_per_second(job, {7, 1}, Locality::cluster), 0);
  EXPECT_EQ(samples_per_second(job, {8, 0}, Locality::cluster), 0);
  EXPECT_EQ(tasks_for_rate(job, 1, Locality::cluster), (TaskCounts{8, 1}));
  EXPECT_EQ(tasks_for_rate(job, 1.1, Locality::cluster), std::nullopt);
  EXPECT_EQ(min_workers(job), 8);
  EXPECT_EQ(max_workers(job), 8);
  EXPECT_TRUE(is_rigid(job));
}

TEST(Table, RunsAsMeasuredAndMoreNeverHurts) {
  const Throughput job = table_job();
  EXPECT_EQ(samples_per_second(job, {4, 2}, Locality::machine), 36);
  EXPECT_EQ(samples_per_second(job, {4, 2}, Locality::rack), 30);
  EXPECT_EQ(samples_per_second(job, {5, 1}, Locality::machine), 25);
  EXPECT_EQ(samples_per_second(job, {9, 9}, Locality::cluster), 30);
  EXPECT_EQ(samples_per_second(job, {9, 9}, Locality::machine, 2), 120);
  EXPECT_EQ(samples_per_second(job, {4, 0}, Locality::machine), 0);
  EXPECT_EQ(tasks_for_rate(job, 26, Locality::rack), (TaskCounts{4, 2}));
  EXPECT_EQ(tasks_for_rate(job, 61, Locality::rack), std::nullopt);
  EXPECT_EQ(min_workers(job), 1);
  EXPECT_EQ(max_workers(job), 8);
  EXPECT_EQ(servers_for(job, 4), 1);
  EXPECT_EQ(servers_for(job, 9), 2);
}

TEST(ValidateThroughput, NamesTheField) {
  const auto servers = [](auto change) {
    ParameterServerThroughput t = paper_job();
    change(t);
    return error_of(t);
  };
  EXPECT_EQ(error_of(paper_job()), "no error");
  EXPECT_EQ(servers([](auto& t) { t.compute_per_sample = Seconds(0); }),
            "compute_per_sample must be above 0");
  EXPECT_EQ(servers([](auto& t) { t.gradient = Bytes(-1); }),
            "gradient must be a size of at least 0");
  EXPECT_EQ(servers([](auto& t) { t.workers_per_server = std::nan(""); }),
            "workers_per_server must be above 0");
  EXPECT_EQ(servers([](auto& t) { t.workers_per_server = 1e-9; }),
            "workers_per_server is so small that more than 1000000 servers would be needed");
  EXPECT_EQ(servers([](auto& t) { t.global_batch = 0; }),
            "global_batch must be a whole number from 1 to 1000000");
  EXPECT_EQ(servers([](auto& t) { t.rate_inside = BytesPerSecond(0); }),
            "rate_inside must be above 0");
  EXPECT_EQ(servers([](auto& t) { t.rate_across = t.rate_inside * 2; }),
            "rate_across must be at most rate_inside");
  RingThroughput ring = ring_job();
  ring.rate_in_rack = ring.rate_inside * 2;
  EXPECT_EQ(error_of(ring), "the rates must not grow with distance: inside, in_rack, across");
  EXPECT_EQ(error_of(RigidThroughput{.workers = 0}),
            "workers must be a whole number from 1 to 1000000");
  EXPECT_EQ(error_of(RigidThroughput{.workers = 1, .servers = -1}),
            "servers must be a whole number from 0 to 1000000");
  EXPECT_EQ(error_of(TableThroughput{}), "a table needs at least one measured point");
  EXPECT_EQ(error_of(TableThroughput{{{1, 0, Locality::rack, 0}}}),
            "samples_per_second must be above 0");
}

// Properties, for every shape.

double number(int low, int high, double unit) { return *rc::gen::inRange(low, high) * unit; }

Throughput any_throughput() {
  const double rate = number(1, 1000, 1e6);
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      return ParameterServerThroughput{.compute_per_sample = Seconds(number(1, 1000, 1e-5)),
                                       .gradient = Bytes(number(0, 1000, 1e5)),
                                       .workers_per_server = number(1, 30, 1 / 3.0),
                                       .global_batch = *rc::gen::inRange(1, 100),
                                       .rate_inside = BytesPerSecond(rate),
                                       .rate_across = BytesPerSecond(rate * number(1, 10, 0.1))};
    case 1: {
      const double nearer = rate * number(1, 10, 0.1);
      return RingThroughput{.compute_per_sample = Seconds(number(1, 1000, 1e-5)),
                            .gradient = Bytes(number(0, 1000, 1e5)),
                            .global_batch = *rc::gen::inRange(1, 100),
                            .rate_inside = BytesPerSecond(rate),
                            .rate_in_rack = BytesPerSecond(nearer),
                            .rate_across = BytesPerSecond(nearer * number(1, 10, 0.1))};
    }
    case 2:
      return RigidThroughput{.workers = *rc::gen::inRange(1, 9),
                             .servers = *rc::gen::inRange(0, 3)};
    default: {
      TableThroughput table;
      const int points = *rc::gen::inRange(1, 6);
      for (int i = 0; i < points; ++i)
        table.points.push_back({*rc::gen::inRange(1, 9), *rc::gen::inRange(0, 3),
                                kLocalities[*rc::gen::inRange(0, 3)], number(1, 100, 1)});
      return table;
    }
  }
}

/// The most servers that could help any number of workers below 100.
constexpr int kManyServers = 1000;

RC_GTEST_PROP(TasksForRate, IsTheFewestWorkersThatReachTheRate, ()) {
  const Throughput job = any_throughput();
  RC_ASSERT(validate(job).has_value());
  const Locality locality = kLocalities[*rc::gen::inRange(0, 3)];
  const double speed = number(1, 30, 0.1);
  const double most = samples_per_second(job, {100, kManyServers}, Locality::machine, speed);
  const double rate = most * number(1, 120, 0.01);
  const auto speed_of = [&](int workers, int servers) {
    return samples_per_second(job, {workers, servers}, locality, speed);
  };
  const auto tasks = tasks_for_rate(job, rate, locality, speed);
  if (tasks) {
    RC_ASSERT(speed_of(tasks->workers, tasks->servers) >= rate * (1 - 1e-9));
    RC_ASSERT(speed_of(tasks->workers - 1, kManyServers) < rate);
    if (tasks->servers > 0) RC_ASSERT(speed_of(tasks->workers, tasks->servers - 1) < rate);
    return;
  }
  for (int workers = 0; workers <= 110; ++workers)
    RC_ASSERT(speed_of(workers, kManyServers) < rate);
}

RC_GTEST_PROP(SamplesPerSecond, NeverFallsWithSpeedOrNearness, ()) {
  const Throughput job = any_throughput();
  const TaskCounts tasks{*rc::gen::inRange(0, 20), *rc::gen::inRange(0, 5)};
  const double speed = number(1, 30, 0.1);
  double before = samples_per_second(job, tasks, Locality::cluster, speed);
  for (const Locality nearer : {Locality::rack, Locality::machine}) {
    const double now = samples_per_second(job, tasks, nearer, speed);
    RC_ASSERT(now >= before);
    before = now;
  }
  RC_ASSERT(samples_per_second(job, tasks, Locality::machine, speed * 1.5) >= before);
  RC_ASSERT(before >= 0);
}

// A ring alone may slow down with more workers: its exchange grows with them.
RC_GTEST_PROP(SamplesPerSecond, NeverFallsWithTasksExceptInARing, ()) {
  const Throughput job = any_throughput();
  RC_PRE(!std::holds_alternative<RingThroughput>(job));
  const TaskCounts tasks{*rc::gen::inRange(0, 20), *rc::gen::inRange(0, 5)};
  const Locality locality = kLocalities[*rc::gen::inRange(0, 3)];
  const double now = samples_per_second(job, tasks, locality);
  RC_ASSERT(samples_per_second(job, {tasks.workers + 1, tasks.servers}, locality) >= now);
  RC_ASSERT(samples_per_second(job, {tasks.workers, tasks.servers + 1}, locality) >= now);
}

RC_GTEST_PROP(ServersFor, KeepEveryWorkerBusy, ()) {
  const Throughput job = any_throughput();
  const int workers = *rc::gen::inRange(min_workers(job), max_workers(job) + 1);
  const int servers = servers_for(job, workers);
  RC_ASSERT(samples_per_second(job, {workers, servers}, Locality::machine) > 0);
  if (std::holds_alternative<ParameterServerThroughput>(job))
    RC_ASSERT(samples_per_second(job, {workers, servers}, Locality::machine) ==
              samples_per_second(job, {workers, kManyServers}, Locality::machine));
}

}  // namespace
}  // namespace bourse
