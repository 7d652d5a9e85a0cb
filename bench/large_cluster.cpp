#include "bench/large_cluster.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bourse/base/random.h"
#include "bourse/policy/registry.h"

namespace bourse {
namespace {

constexpr int kMachines = 1600;
constexpr int kJobs = 800;
constexpr int kWarmUp = 10;
constexpr Seconds kRound{600};

/// Step time (s), model (MB), batch and demand of the eight models that DL2 was tried on.
struct Model {
  double step_s;
  double size_mb;
  int batch;
  bool has_gpus;
};
constexpr std::array<Model, 8> kModels{{{.449, 102.2, 32, true},
                                        {.535, 553.4, 32, true},
                                        {.226, 6.92, 128, true},
                                        {.815, 42.1, 128, true},
                                        {.075, 36.5, 64, true},
                                        {.585, 24, 50, false},
                                        {.567, 6, 256, false},
                                        {.154, 19.2, 160, true}}};

Cluster large_cluster() {
  Cluster cluster;
  (void)cluster.types.add("gpu", ResourceKind::count);
  (void)cluster.types.add("cpu", ResourceKind::count);
  cluster.classes.push_back(
      {.name = "machine", .capacity = {8 * kAmountsPerUnit, 8 * kAmountsPerUnit}});
  cluster.machines.resize(kMachines);
  return cluster;
}

/// One to forty hours of one worker.
JobSpec job_of(std::size_t index) {
  RandomStream draw(1, Purpose::job_shape, index);
  const Model& model = kModels[static_cast<std::size_t>(draw.integer(0, 7))];
  JobSpec job;
  job.worker = {(model.has_gpus ? 4 : 0) * kAmountsPerUnit, 2 * kAmountsPerUnit};
  job.server = {0, 2 * kAmountsPerUnit};
  const double tau = model.step_s / model.batch;
  job.throughput =
      ParameterServerThroughput{.compute_per_sample = Seconds(tau),
                                .gradient = Bytes(model.size_mb * 1e6),
                                .workers_per_server = static_cast<double>(draw.integer(1, 4)),
                                .global_batch = model.batch,
                                .rate_inside = BytesPerSecond(12.5e9),
                                .rate_across = BytesPerSecond(1.25e9)};
  job.samples = draw.uniform(1, 40) * 3600 / tau;
  return job;
}

void apply(ClusterState& state, Decision decision) {
  for (const Change& change : decision.changes) state.allocate(change.job, {}, 0, Seconds(0));
  for (Change& change : decision.changes) {
    if (change.allocation.empty()) continue;
    const double rate =
        samples_per_second(state.spec(change.job).throughput, tasks_of(change.allocation),
                           locality_of(change.allocation, state.cluster()), 1);
    state.allocate(change.job, std::move(change.allocation), rate, Seconds(0));
  }
}

}  // namespace

Result<std::vector<double>> decisions_on_large_cluster(const std::string& policy, int rounds) {
  const std::size_t all = kJobs * static_cast<std::size_t>(rounds + kWarmUp + 1);
  std::vector<JobSpec> jobs;
  for (std::size_t i = 0; i < all; ++i) jobs.push_back(job_of(i));
  const Cluster cluster = large_cluster();
  ClusterState state(cluster, jobs);
  BOURSE_TRY(const std::unique_ptr<Policy> made,
             make_policy(policy, {{"interval", "600s"}}, {.slot = kRound}));
  std::size_t next = 0;
  std::vector<double> seconds;
  for (int round = 0; round < rounds + kWarmUp; ++round) {
    state.set_now(round * kRound);
    const std::vector<JobId> active = state.active();
    for (const JobId id : active) {
      if (state.samples_left(id) > 0) continue;
      state.leave(id, JobStatus::finished);
      apply(state, made->decide(state, {.kind = EventKind::finish, .job = id}));
    }
    while (state.active().size() < kJobs && next < all) {
      jobs[next].arrival = state.now();
      const JobId id(next++);
      state.arrive(id);
      apply(state, made->decide(state, {.kind = EventKind::arrival, .job = id}));
    }
    const double before = thread_cpu_seconds();
    Decision decision = made->decide(state, {.kind = EventKind::wake});
    if (round >= kWarmUp) seconds.push_back(thread_cpu_seconds() - before);
    apply(state, std::move(decision));
  }
  return seconds;
}

}  // namespace bourse
