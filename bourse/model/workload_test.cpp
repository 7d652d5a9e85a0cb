#include "bourse/model/workload.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace bourse {
namespace {

Cluster cluster_of(std::string_view text) {
  auto cluster = parse_cluster_yaml(text, "c.yaml");
  EXPECT_TRUE(cluster.has_value()) << cluster.error().message;
  return *std::move(cluster);
}

/// A job of this many workers and servers that demand the given thousandths of each type.
JobSpec job_of(ResourceVector worker, ResourceVector server) {
  JobSpec job;
  job.name = "a";
  job.worker = std::move(worker);
  job.server = std::move(server);
  return job;
}

Workload workload_of(std::string_view worker, std::string_view rest) {
  auto workload = parse_workload_yaml("jobs:\n  - {id: a, arrival: 0, utility: 1, worker: " +
                                          std::string(worker) + ", " + std::string(rest) + "}\n",
                                      "w.yaml");
  EXPECT_TRUE(workload.has_value()) << workload.error().message;
  return *std::move(workload);
}

std::string bind_error(std::string_view worker, std::string_view rest, std::string_view cluster) {
  const auto bound = bind(workload_of(worker, rest), cluster_of(cluster), "w.yaml");
  return bound ? "no error" : bound.error().message;
}

constexpr std::string_view kGang4 = "duration: 1h, throughput: {rigid: {workers: 4}}";
constexpr std::string_view kTwoMachines =
    "machines: [{count: 2, resources: {gpu: 8, cpu: 16, memory: 64GiB}}]";

TEST(UtilityDelay, IsExactWithoutSlots) {
  EXPECT_EQ(utility_delay(Seconds(10), Seconds(25.5), Seconds(0)), Seconds(15.5));
}

// Slots of an hour. Arrival at 1.5 h is in slot 1. Completion at 4 h sharp is in slot 3, a moment
// later in slot 4: delays of 2 and 3 slots. Arrival and completion in one slot: delay 0.
TEST(UtilityDelay, CountsWholeSlots) {
  const Seconds slot(3600);
  EXPECT_EQ(utility_delay(Seconds(5400), Seconds(14400), slot), Seconds(7200));
  EXPECT_EQ(utility_delay(Seconds(5400), Seconds(14401), slot), Seconds(10800));
  EXPECT_EQ(utility_delay(Seconds(3600), Seconds(7200), slot), Seconds(0));
  EXPECT_EQ(utility_delay(Seconds(3600), Seconds(3600), slot), Seconds(0));
}

// 0.1 * 3 = 0.30000000000000004 is the end of slot 2, not the begin of slot 3.
TEST(UtilityDelay, ForgivesRoundingErrors) {
  EXPECT_DOUBLE_EQ(utility_delay(Seconds(0), Seconds(0.1 * 3), Seconds(0.1)).value, 0.2);
  EXPECT_DOUBLE_EQ(utility_delay(Seconds(0.7 - 0.4), Seconds(0.4), Seconds(0.1)).value, 0);
}

// Two machines of 8 GPUs. Gangs of 1-GPU workers: 16 fit, 17 do not. Workers of 5 GPUs: one a
// machine, so 2 fit although 3 * 5 < 16.
TEST(FitsEmpty, CountsWholeWorkersOnEachMachine) {
  const Cluster cluster = cluster_of("machines: [{count: 2, resources: {gpu: 8}}]");
  EXPECT_TRUE(fits_empty(cluster, job_of({1000}, {0}), {16, 0}));
  EXPECT_FALSE(fits_empty(cluster, job_of({1000}, {0}), {17, 0}));
  EXPECT_TRUE(fits_empty(cluster, job_of({5000}, {0}), {2, 0}));
  EXPECT_FALSE(fits_empty(cluster, job_of({5000}, {0}), {3, 0}));
  EXPECT_TRUE(fits_empty(cluster, job_of({5000}, {0}), {0, 0}));
}

// Two machines of (gpu 4, cpu 12), worker (1, 1), server (0, 4). A machine holds 3 servers alone,
// or 2 servers beside 1 to 4 workers: 4 workers and (12 - 4) / 4 = 2 servers. So 8 workers and 4
// servers fit, and 5 servers need one machine without workers, which leaves 4 workers.
TEST(FitsEmpty, WeighsWorkersAgainstServers) {
  const Cluster cluster = cluster_of("machines: [{count: 2, resources: {gpu: 4, cpu: 12}}]");
  const JobSpec job = job_of({1000, 1000}, {0, 4000});
  EXPECT_TRUE(fits_empty(cluster, job, {8, 4}));
  EXPECT_FALSE(fits_empty(cluster, job, {8, 5}));
  EXPECT_FALSE(fits_empty(cluster, job, {5, 5}));
  EXPECT_TRUE(fits_empty(cluster, job, {4, 5}));
  EXPECT_TRUE(fits_empty(cluster, job, {0, 6}));
}

// Machines of 7 GPUs, workers of 3, servers of 2. A machine holds 2 workers (1 left), 1 worker and
// 2 servers, or 3 servers. 3 machines, 3 workers and 6 servers: one and two on each. Workers first
// packs 2 + 1 workers and 0 + 2 + 3 = 5 servers; servers first packs 3 + 3 servers and 2 workers:
// both orders fail, so this needs the exact search. 3 workers and 7 servers: does not fit.
TEST(FitsEmpty, FindsWhatNoGreedyOrderFinds) {
  const Cluster cluster = cluster_of("machines: [{count: 3, resources: {gpu: 7}}]");
  const JobSpec job = job_of({3000}, {2000});
  EXPECT_TRUE(fits_empty(cluster, job, {3, 6}));
  EXPECT_FALSE(fits_empty(cluster, job, {3, 7}));
  EXPECT_FALSE(fits_empty(cluster, job, {4, 5}));
}

/// Tries every number of workers on every machine, with as many servers as fit beside them.
bool places_by_trying_all(const Cluster& cluster, const JobSpec& job, int workers, int servers,
                          std::size_t machine = 0) {
  if (workers <= 0 && servers <= 0) return true;
  if (machine == cluster.machines.size()) return false;
  const auto capacity = cluster.capacity(MachineId(machine));
  for (std::int64_t here = count_that_fits(job.worker, capacity, workers); here >= 0; --here) {
    ResourceVector free(capacity.begin(), capacity.end());
    take(free, job.worker, here);
    const std::int64_t beside = count_that_fits(job.server, free, servers);
    if (places_by_trying_all(cluster, job, workers - static_cast<int>(here),
                             servers - static_cast<int>(beside), machine + 1))
      return true;
  }
  return false;
}

RC_GTEST_PROP(FitsEmpty, AgreesWithTryingAll, ()) {
  Cluster cluster;
  RC_ASSERT(cluster.types.add("gpu", ResourceKind::count).has_value());
  RC_ASSERT(cluster.types.add("cpu", ResourceKind::count).has_value());
  const auto amounts = [](Amount low, Amount high) {
    return ResourceVector{*rc::gen::inRange(low, high), *rc::gen::inRange(low, high)};
  };
  for (int c = 0; c < 2; ++c)
    cluster.classes.push_back({.name = "c", .capacity = amounts(0, 12), .speed = 1});
  const int machines = *rc::gen::inRange(1, 5);
  for (int m = 0; m < machines; ++m)
    cluster.machines.push_back({.class_index = *rc::gen::inRange(0U, 2U), .rack = 0});
  JobSpec job = job_of(amounts(0, 5), amounts(0, 5));
  job.worker[0] += 1;  // demands something
  const TaskCounts tasks{*rc::gen::inRange(0, 9), *rc::gen::inRange(0, 9)};
  RC_ASSERT(fits_empty(cluster, job, tasks) ==
            places_by_trying_all(cluster, job, tasks.workers, tasks.servers));
}

TEST(Bind, PutsDemandsIntoTheOrderOfTheCluster) {
  const auto bound =
      bind(workload_of("{memory: 4GiB, gpu: 2}", kGang4), cluster_of(kTwoMachines), "w.yaml");
  ASSERT_TRUE(bound.has_value()) << bound.error().message;
  ASSERT_EQ(bound->instance.jobs.size(), 1u);
  EXPECT_EQ(bound->instance.jobs[0].worker, (ResourceVector{2000, 0, 4096000}));
  EXPECT_EQ(bound->instance.jobs[0].server, (ResourceVector{0, 0, 0}));
  EXPECT_TRUE(bound->left_out.empty());
}

TEST(Bind, RunsAGpuTraceOnAClusterWithMoreTypes) {
  EXPECT_EQ(bind_error("{gpu: 1}", kGang4, kTwoMachines), "no error");
}

TEST(Bind, SaysWhichResourceTheClusterLacks) {
  EXPECT_EQ(bind_error("{tpu: 1}", kGang4, kTwoMachines),
            "w.yaml:2: job 'a' needs 1 tpu and the cluster's machines have none; add it to their "
            "resources");
  EXPECT_EQ(
      bind_error("{memory: 4}", kGang4, kTwoMachines),
      "w.yaml:2: job 'a' gives memory as a count and the cluster as a size; use a unit of size "
      "in both or in neither");
}

TEST(Bind, SaysWhatDoesNotFit) {
  EXPECT_EQ(bind_error("{gpu: 16}", kGang4, kTwoMachines),
            "w.yaml:2: job 'a' needs 16 gpu for one worker and the largest machine has 8");
  EXPECT_EQ(bind_error("{gpu: 1, memory: 1TiB}", kGang4, kTwoMachines),
            "w.yaml:2: job 'a' needs 1TiB memory for one worker and the largest machine has 64GiB");
  EXPECT_EQ(
      bind_error("{gpu: 1}", "duration: 1h, throughput: {rigid: {workers: 17}}", kTwoMachines),
      "w.yaml:2: job 'a' needs 17 gpu for its gang of 17 workers and the whole cluster has 16");
  EXPECT_EQ(bind_error("{gpu: 5}", "duration: 1h, throughput: {rigid: {workers: 3}}", kTwoMachines),
            "w.yaml:2: job 'a' cannot place its gang of 3 workers on the empty cluster, where they "
            "do not fit the machines");
  EXPECT_EQ(bind_error("{gpu: 8, cpu: 2}", kGang4,
                       "machines: [{count: 4, resources: {gpu: 8, cpu: 1}}, "
                       "{count: 4, resources: {gpu: 4, cpu: 9}}]"),
            "w.yaml:2: job 'a' needs more for one worker than any single machine has of all "
            "resources together");
}

TEST(Bind, RefusesTasksThatTrainNothingWhereTheyFit) {
  const std::string table =
      "samples: 5, throughput: {table: [{workers: 4, locality: machine, speed: 1}]}";
  EXPECT_EQ(bind_error("{gpu: 2}", table, kTwoMachines), "no error");
  EXPECT_EQ(bind_error("{gpu: 4}", table, kTwoMachines),
            "w.yaml:2: job 'a' has no speed for its requested 4 workers on several machines, and "
            "no machine holds them alone");
}

TEST(Bind, ChecksTheSmallestAndTheRequestedSize) {
  const std::string table = "samples: 5, throughput: {table: [{workers: 2, servers: 1, speed: 1}]}";
  EXPECT_EQ(bind_error("{gpu: 8}", table + ", server: {cpu: 17}", kTwoMachines),
            "w.yaml:2: job 'a' needs 17 cpu for one server and the largest machine has 16");
  EXPECT_EQ(bind_error("{gpu: 8}", table + ", requested: {workers: 3}", kTwoMachines),
            "w.yaml:2: job 'a' needs 24 gpu for its requested 3 workers and 1 server and the whole "
            "cluster has 16");
  EXPECT_EQ(bind_error("{gpu: 16}", table, "8x16"), "no error");
  EXPECT_EQ(bind_error("{gpu: 8}", table, "machines: [{count: 1, resources: {gpu: 8}}]"),
            "w.yaml:2: job 'a' needs 16 gpu for its requested 2 workers and 1 server and the whole "
            "cluster has 8");
}

TEST(Bind, LeavesOutWhatDoesNotFitIfAsked) {
  Workload workload = workload_of("{gpu: 16}", kGang4);
  workload.horizon = Seconds(7);
  workload.slot = Seconds(1);
  JobSpec small = workload.jobs[0];
  small.name = "b";
  small.worker = {1000};
  small.line = 0;
  workload.jobs.push_back(small);
  const auto bound = bind(workload, cluster_of(kTwoMachines), "w.yaml", {.skip_unfit = true});
  ASSERT_TRUE(bound.has_value()) << bound.error().message;
  ASSERT_EQ(bound->instance.jobs.size(), 1u);
  EXPECT_EQ(bound->instance.jobs[0].name, "b");
  EXPECT_EQ(bound->instance.horizon, Seconds(7));
  EXPECT_EQ(bound->instance.slot, Seconds(1));
  ASSERT_EQ(bound->left_out.size(), 1u);
  EXPECT_EQ(bound->left_out[0],
            "w.yaml:2: job 'a' needs 16 gpu for one worker and the largest machine has 8");
}

}  // namespace
}  // namespace bourse
