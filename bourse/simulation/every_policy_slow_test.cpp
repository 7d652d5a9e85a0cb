// Laws that hold for every policy: whole runs of small random workloads of all throughput shapes on
// mixed machines that fail. The engine itself checks that no machine is over-committed.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;

Throughput random_shape(int most_workers) {
  const BytesPerSecond near(100);
  const BytesPerSecond far(50);
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                       .gradient = Bytes(20),
                                       .workers_per_server = 1.0 * *rc::gen::inRange(1, 4),
                                       .global_batch = *rc::gen::inRange(1, most_workers + 1),
                                       .rate_inside = near,
                                       .rate_across = far};
    case 1:
      return RingThroughput{.compute_per_sample = Seconds(1),
                            .gradient = Bytes(*rc::gen::inRange(0, 200)),
                            .global_batch = *rc::gen::inRange(1, most_workers + 1),
                            .rate_inside = near,
                            .rate_in_rack = far,
                            .rate_across = far};
    case 2:
      return RigidThroughput{*rc::gen::inRange(1, most_workers + 1), *rc::gen::inRange(0, 2)};
    case 3:
      return AdaptiveThroughput{.step_fixed = Seconds(0.5),
                                .step_per_sample = Seconds(0.25),
                                .sync_inside = Seconds(0.5),
                                .sync_across = Seconds(1),
                                .base_batch = 2,
                                .requested_batch = *rc::gen::inRange(2, 9),
                                .max_batch_per_worker = *rc::gen::inRange(1, 5),
                                .max_workers = *rc::gen::inRange(1, most_workers + 1),
                                .noise_scale = 1.0 * *rc::gen::inRange(0, 50),
                                .epoch_samples = 1.0 * *rc::gen::inRange(1, 100),
                                .max_learning_rate = 4};
    default: {
      TableThroughput table;
      const auto locality = *rc::gen::element(Locality::rack, Locality::cluster);
      const int count = *rc::gen::inRange(1, 4);
      for (int n = 1; n <= count; ++n)
        table.points.push_back({n, *rc::gen::inRange(0, 2), locality, 1.0 * n});
      return table;
    }
  }
}

Utility random_utility() {
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return ConstantUtility{1};
    case 1:
      return DeadlineUtility{5, Seconds(*rc::gen::inRange(1, 400))};
    default:
      return SigmoidUtility{
          .value = 9, .steepness = 0.05, .midpoint = Seconds(*rc::gen::inRange(1, 300))};
  }
}

/// Five machines in two racks, two of them twice as fast; up to nine jobs.
Instance random_instance() {
  Instance instance{.cluster = cluster_of(5, {{"gpu", 4}, {"cpu", 8}}, 2), .jobs = {}};
  instance.cluster.classes.push_back({"fast", amounts({2, 12}), 2});
  instance.cluster.machines[1].class_index = 1;
  instance.cluster.machines[4].class_index = 1;
  const int count = *rc::gen::inRange(1, 10);
  double arrival = 0;
  for (int i = 0; i < count; ++i) {
    JobSpec job;
    job.name = "job-" + std::to_string(i);
    arrival += *rc::gen::element(0, 0, 7, 30);
    job.arrival = Seconds(arrival);
    job.samples = *rc::gen::inRange(1, 200);
    job.worker = amounts({1.0 * *rc::gen::inRange(0, 3), 1});
    job.server = amounts({0, 1});
    job.throughput = random_shape(4);
    job.utility = random_utility();
    job.requested_workers =
        *rc::gen::inRange(min_workers(job.throughput), max_workers(job.throughput) + 1);
    if (is_rigid(job.throughput)) job.requested_workers = max_workers(job.throughput);
    job.requested_servers = servers_for(job.throughput, job.requested_workers);
    job.restart_cost = Seconds(*rc::gen::element(0, 3, 25));
    const TaskCounts requested{job.requested_workers, job.requested_servers};
    const bool fits = fits_empty(instance.cluster, job, requested) &&
                      samples_per_second(job.throughput, requested, Locality::machine) > 0;
    if (fits) instance.jobs.push_back(std::move(job));
  }
  return instance;
}

std::vector<Outage> random_outages() {
  std::vector<Outage> outages;
  double from = 0;
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) {
    from += *rc::gen::inRange(1, 100);
    const MachineId machine(*rc::gen::inRange<std::size_t>(0, 5));
    const double to = from + *rc::gen::inRange(1, 60);
    outages.push_back({machine, Seconds(from), Seconds(to)});
    from = to;
  }
  return outages;
}

SimulationResult run(const Instance& instance, const PolicyInfo& info,
                     const SimulationOptions& options) {
  // Short rounds where a policy has them, so that a run sees many.
  Settings settings = testing::quick_settings(info);
  for (const Parameter& parameter : info.parameters)
    if (parameter.name == "slot" || parameter.name == "interval")
      settings[std::string(parameter.name)] = "15s";
  auto policy = make_policy(info.name, settings, {.slot = instance.slot, .seed = 3});
  RC_ASSERT(policy.has_value());
  return simulate(instance, **policy, options);
}

bool is_same(const SimulationResult& a, const SimulationResult& b) {
  for (std::size_t i = 0; i < a.jobs.size(); ++i)
    if (a.jobs[i].finish != b.jobs[i].finish || a.jobs[i].status != b.jobs[i].status ||
        a.jobs[i].restarts != b.jobs[i].restarts)
      return false;
  return a.decisions == b.decisions;
}

void expect_laws(const PolicyInfo& info) {
  const Instance instance = random_instance();
  const SimulationOptions options{.seed = 5,
                                  .belief_error = *rc::gen::element(0.0, 0.3),
                                  .outages = random_outages(),
                                  .record_reasons = true};
  const SimulationResult result = run(instance, info, options);
  RC_ASSERT(is_same(result, run(instance, info, options)));
  std::set<std::uint32_t> explained;
  for (const RecordedReason& reason : result.reasons) explained.insert(reason.reason.job.value);
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    // All machines are up again, so whatever fits ends, unless the policy says why not.
    const JobStatus status = result.jobs[i].status;
    RC_ASSERT(status == JobStatus::finished || status == JobStatus::declined);
    if (status == JobStatus::declined) RC_ASSERT(explained.contains(static_cast<std::uint32_t>(i)));
  }
}

class EveryPolicyKeepsTheLaws : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryPolicyKeepsTheLaws, OnRandomWorkloadsWithFailures) {
  const PolicyInfo& info = **find_policy(GetParam());
  const bool holds = rc::check("every feasible job ends or is declined with a reason",
                               [&info] { expect_laws(info); });
  EXPECT_TRUE(holds) << info.name;
}

std::vector<std::string> policy_names() {
  std::vector<std::string> names;
  for (const PolicyInfo& info : all_policies()) names.emplace_back(info.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, EveryPolicyKeepsTheLaws, ::testing::ValuesIn(policy_names()),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace bourse
