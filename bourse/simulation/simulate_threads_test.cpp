// Nothing is shared between runs: the same instance simulated on several threads at once gives what
// it gives alone.

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;
using testing::instance_of;

/// Jobs of all four shapes on six machines in two racks.
Instance mixed_instance() {
  Instance instance = instance_of(cluster_of(6, {{"gpu", 4}, {"cpu", 16}}, 2), {});
  for (int i = 0; i < 32; ++i) {
    JobSpec job = gang("j" + std::to_string(i), 40.0 * i, 1 + i % 4, 300 + 40 * (i % 7),
                       SigmoidUtility{5.0 + i % 3, 0.01, Seconds(900)});
    job.worker = amounts({1, 1});
    job.server = amounts({0, 1});
    job.restart_cost = Seconds(5);
    if (i % 4 == 1)
      job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                                 .gradient = Bytes(10),
                                                 .workers_per_server = 2,
                                                 .global_batch = 8,
                                                 .rate_inside = BytesPerSecond(1000),
                                                 .rate_across = BytesPerSecond(100)};
    if (i % 4 == 2)
      job.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                      .gradient = Bytes(10),
                                      .global_batch = 8,
                                      .rate_inside = BytesPerSecond(1000),
                                      .rate_in_rack = BytesPerSecond(300),
                                      .rate_across = BytesPerSecond(100)};
    if (i % 4 == 3)
      job.throughput = TableThroughput{{{1, 0, Locality::cluster, 1}, {4, 0, Locality::rack, 3}}};
    if (i % 4 == 1) job.requested_servers = (job.requested_workers + 1) / 2;
    instance.jobs.push_back(std::move(job));
  }
  return instance;
}

/// One run to make: a policy with these settings.
struct Task {
  std::string policy;
  Settings settings;
};

std::vector<Task> all_tasks() {
  std::vector<Task> tasks;
  for (const PolicyInfo& info : all_policies())
    tasks.push_back({std::string(info.name), testing::quick_settings(info)});
  tasks.push_back({"pd-ors", {{"rounding", "randomized"}, {"slot", "2min"}}});
  return tasks;
}

SimulationResult run(const Instance& instance, const Task& task) {
  auto policy = make_policy(task.policy, task.settings, {.seed = 7});
  if (!policy) return {};
  return simulate(instance, **policy,
                  {.seed = 7,
                   .belief_error = 0.1,
                   .outages = {{MachineId(0u), Seconds(400), Seconds(900)}},
                   .record_reasons = true});
}

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

void expect_same(const SimulationResult& a, const SimulationResult& b, const std::string& policy) {
  ASSERT_EQ(a.jobs.size(), b.jobs.size()) << policy;
  for (std::size_t i = 0; i < a.jobs.size(); ++i) {
    const JobRecord& x = a.jobs[i];
    const JobRecord& y = b.jobs[i];
    EXPECT_EQ(x.status, y.status) << policy << " job " << i;
    EXPECT_EQ(bits(x.first_start.value), bits(y.first_start.value)) << policy << " job " << i;
    EXPECT_EQ(bits(x.finish.value), bits(y.finish.value)) << policy << " job " << i;
    EXPECT_EQ(bits(x.executed.value), bits(y.executed.value)) << policy << " job " << i;
    EXPECT_EQ(bits(x.resource_seconds), bits(y.resource_seconds)) << policy << " job " << i;
    EXPECT_EQ(x.restarts, y.restarts) << policy << " job " << i;
    EXPECT_EQ(bits(x.utility), bits(y.utility)) << policy << " job " << i;
    EXPECT_EQ(bits(x.fairness), bits(y.fairness)) << policy << " job " << i;
  }
  EXPECT_EQ(bits(a.makespan.value), bits(b.makespan.value)) << policy;
  EXPECT_EQ(bits(a.used_seconds), bits(b.used_seconds)) << policy;
  EXPECT_EQ(a.decisions, b.decisions) << policy;
  EXPECT_EQ(a.events, b.events) << policy;
  EXPECT_EQ(a.reasons.size(), b.reasons.size()) << policy;
}

/// Every thread runs every policy, each from another one on, so that runs of one policy overlap
/// with runs of all the others.
void expect_same_on_threads(std::size_t thread_count) {
  const Instance instance = mixed_instance();
  const std::vector<Task> tasks = all_tasks();
  std::vector<std::vector<SimulationResult>> results(thread_count);
  for (auto& of_thread : results) of_thread.resize(tasks.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < thread_count; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t k = 0; k < tasks.size(); ++k) {
          const std::size_t task = (t + k) % tasks.size();
          results[t][task] = run(instance, tasks[task]);
        }
      });
  }
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    const SimulationResult alone = run(instance, tasks[task]);
    ASSERT_GT(alone.events, instance.jobs.size()) << tasks[task].policy;
    for (const auto& of_thread : results) expect_same(alone, of_thread[task], tasks[task].policy);
  }
}

TEST(SimulateOnThreads, GivesOnTwoWhatItGivesAlone) { expect_same_on_threads(2); }

TEST(SimulateOnThreads, GivesOnFourWhatItGivesAlone) { expect_same_on_threads(4); }

}  // namespace
}  // namespace bourse
