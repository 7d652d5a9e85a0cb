// Laws of the policies with queues, slices, rounds and deadlines, on mixed workloads with failures.

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::amounts;

/// Hands a policy's decisions on to be checked as those of a stranger.
class Distrusted final : public ForeignPolicy {
 public:
  explicit Distrusted(std::unique_ptr<Policy> inner) : inner_(std::move(inner)) {}
  Result<Decision> decide(const ClusterState& state, const Event& event) override {
    return inner_->decide(state, event);
  }

 private:
  std::unique_ptr<Policy> inner_;
};

/// Three machines of one class and two of a faster one, in two racks.
Cluster mixed_cluster() {
  Cluster cluster = testing::cluster_of(5, {{"gpu", 4}, {"cpu", 8}}, 2);
  cluster.classes.push_back({.name = "fast", .capacity = amounts({2, 8}), .speed = 2});
  cluster.machines[1].class_index = 1;
  cluster.machines[4].class_index = 1;
  return cluster;
}

Throughput any_throughput(JobSpec& job) {
  switch (*rc::gen::inRange(0, 4)) {
    case 0: {
      const int workers = *rc::gen::inRange(1, 9);
      job.requested_workers = workers;
      return RigidThroughput{workers, 0};
    }
    case 1:
      job.requested_servers = job.requested_workers;
      return ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                       .gradient = Bytes(1),
                                       .global_batch = 8,
                                       .rate_inside = BytesPerSecond(2),
                                       .rate_across = BytesPerSecond(1)};
    case 2:
      return RingThroughput{.compute_per_sample = Seconds(1),
                            .gradient = Bytes(1),
                            .global_batch = 8,
                            .rate_inside = BytesPerSecond(4),
                            .rate_in_rack = BytesPerSecond(2),
                            .rate_across = BytesPerSecond(1)};
    default:
      return TableThroughput{{{1, 0, Locality::cluster, 1},
                              {2, 0, Locality::rack, 1.8},
                              {4, 0, Locality::machine, 3}}};
  }
}

Utility any_utility(double work) {
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      return ConstantUtility{1};
    case 1:
      return SigmoidUtility{3, 0.1, Seconds(2 * work)};
    case 2:
      return LinearDecayUtility{2, Seconds(work), Seconds(4 * work)};
    default:
      return DeadlineUtility{2, Seconds(*rc::gen::inRange(1, 6) * work), 0};
  }
}

Instance any_instance() {
  const Cluster cluster = mixed_cluster();
  Workload workload{.types = cluster.types};
  const int count = *rc::gen::inRange(1, 14);
  double arrival = 0;
  for (int i = 0; i < count; ++i) {
    JobSpec job;
    job.name = "j" + std::to_string(i);
    arrival += *rc::gen::inRange(0, 12);
    job.arrival = Seconds(arrival);
    job.samples = *rc::gen::inRange(1, 60);
    job.worker = amounts({*rc::gen::inRange(0, 3) / 2.0, 1});
    job.server = amounts({0, 0.5});
    job.requested_workers = *rc::gen::inRange(1, 3);
    job.throughput = any_throughput(job);
    job.utility = any_utility(job.samples);
    job.restart_cost = Seconds(*rc::gen::inRange(0, 3) * 8.0);
    workload.jobs.push_back(std::move(job));
  }
  return std::move(bind(std::move(workload), cluster, "w", {.skip_unfit = true})->instance);
}

std::vector<Outage> any_outages() {
  std::vector<Outage> outages;
  for (std::uint32_t machine = 0; machine < 5; ++machine) {
    if (*rc::gen::inRange(0, 2) == 0) continue;
    const double from = *rc::gen::inRange(0, 60);
    outages.push_back(
        {MachineId(machine), Seconds(from), Seconds(from + *rc::gen::inRange(1, 40))});
  }
  return outages;
}

struct Choice {
  std::string policy;
  Settings settings;
};

const std::vector<Choice>& choices() {
  static const std::vector<Choice> all{
      {"tiresias", {{"thresholds", "5,20"}}},
      {"tiresias", {{"thresholds", "5"}, {"promote", "1"}, {"order", "gittins"}}},
      {"tiresias", {{"thresholds", "none"}, {"order", "attained"}, {"quantum", "3s"}}},
      {"gandiva", {{"quantum", "5s"}}},
      {"gandiva", {{"quantum", "5s"}, {"grow", "true"}}},
      {"gavel", {{"round", "6s"}}},
      {"gavel", {{"round", "6s"}, {"objective", "isolated"}, {"reset-after", "20s"}}},
      {"gavel", {{"round", "6s"}, {"objective", "finish-time-fairness"}}},
      {"gavel", {{"round", "6s"}, {"objective", "makespan"}, {"fill", "false"}}},
      {"edf", {}},
      {"edf", {{"late", "decline"}}},
      {"elasticflow", {{"slot", "10s"}}},
      {"elasticflow", {{"slot", "10s"}, {"decline", "none"}, {"margin", "0.2"}}},
      {"easy-backfill", {}},
      {"easy-backfill", {{"estimate-factor", "0.5"}}},
  };
  return all;
}

Result<SimulationResult> run(const Choice& choice, const Instance& instance,
                             const SimulationOptions& options) {
  Distrusted policy(*make_policy(choice.policy, choice.settings, {}));
  return simulate(instance, policy, options);
}

// Every decision passes the check that a stranger's must pass: no machine is over-committed, no job
// that is over is named. Once all machines are back, every job ends or was declined with a reason.
RC_GTEST_PROP(Rivals, FitTheMachinesAndEndEveryJob, ()) {
  const Instance instance = any_instance();
  SimulationOptions options{.seed = 3,
                            .belief_error = *rc::gen::inRange(0, 2) * 0.3,
                            .outages = any_outages(),
                            .checkpoint_every = Seconds(*rc::gen::inRange(0, 2) * 10.0),
                            .record_reasons = true};
  int calls = 0;
  options.progress = [&](double) { return ++calls < 100; };
  for (const Choice& choice : choices()) {
    calls = 0;
    const auto result = run(choice, instance, options);
    if (!result) RC_FAIL(choice.policy + ": " + result.error().message);
    if (result->stopped) RC_FAIL(choice.policy + " does not come to an end");
    for (std::size_t i = 0; i < result->jobs.size(); ++i) {
      const JobStatus status = result->jobs[i].status;
      const bool is_explained =
          status == JobStatus::declined &&
          std::ranges::any_of(result->reasons, [&](const RecordedReason& r) {
            return r.reason.job == JobId(i) && r.reason.code == ReasonCode::no_schedule;
          });
      if (status != JobStatus::finished && !is_explained)
        RC_FAIL(choice.policy + ": job " + instance.jobs[i].name + " did not end");
    }
  }
}

RC_GTEST_PROP(Rivals, DecideTheSameAgain, ()) {
  const Instance instance = any_instance();
  const SimulationOptions options{.outages = any_outages()};
  for (const Choice& choice : choices()) {
    const auto once = run(choice, instance, options);
    const auto again = run(choice, instance, options);
    RC_ASSERT(once.has_value() && again.has_value());
    for (std::size_t i = 0; i < once->jobs.size(); ++i) {
      RC_ASSERT(once->jobs[i].finish == again->jobs[i].finish);
      RC_ASSERT(once->jobs[i].restarts == again->jobs[i].restarts);
    }
  }
}

// With exact estimates and no failures, whoever is the head starts no later than under strict FIFO.
RC_GTEST_PROP(EasyBackfill, NeverStartsTheFirstToWaitLaterThanFifo, ()) {
  Instance instance = testing::instance_of(testing::cluster_of(2, {{"gpu", 4}}), {});
  double arrival = 0;
  const int count = *rc::gen::inRange(2, 14);
  for (int i = 0; i < count; ++i) {
    arrival += *rc::gen::inRange(0, 5);
    instance.jobs.push_back(testing::gang("j" + std::to_string(i), arrival, *rc::gen::inRange(1, 9),
                                          *rc::gen::inRange(1, 30)));
  }
  const auto fifo = run({"fifo", {}}, instance, {});
  const auto easy = run({"easy-backfill", {}}, instance, {});
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    if (fifo->jobs[i].first_start <= instance.jobs[i].arrival) continue;
    RC_ASSERT(easy->jobs[i].first_start.value <= fifo->jobs[i].first_start.value + 1e-6);
    break;
  }
}

}  // namespace
}  // namespace bourse
