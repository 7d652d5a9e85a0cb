#include <fmt/core.h>

#include <cmath>
#include <string>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/base/random.h"
#include "bourse/model/throughput.h"
#include "bourse/policy/ones_schedule.h"
#include "bourse/policy/pollux_search.h"
#include "bourse/policy/sia_program.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

// Policies that decide batches: one decision at the sizes that their goals name.
namespace bourse {
namespace {

/// Ten steps in a row on jobs of which a fifth is new; the time of one.
Result<std::vector<Sample>> evolve_steps(const Setup& setup, int gpus, int job_count) {
  std::vector<OnesJob> jobs;
  for (int j = 0; j < job_count; ++j) {
    RandomStream draws(1, Purpose::job_shape, static_cast<std::uint64_t>(j));
    OnesJob job{.is_new = draws.uniform() < 0.2};
    job.limit = 1 << draws.integer(0, 4);
    job.limit_now = job.is_new ? 0 : std::max(1, job.limit / 2);
    job.is_predicted = !job.is_new;
    job.samples_left = draws.uniform(1e4, 1e6);
    jobs.push_back(job);
  }
  const auto speed = [](int rank, int n) { return (100.0 + rank) * std::pow(n, 0.8); };
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    std::vector<OnesSchedule> population;
    OnesSchedule current(static_cast<std::size_t>(gpus), kIdle);
    const double before = thread_cpu_seconds();
    for (std::uint64_t step = 1; step <= 10; ++step) {
      evolve(population, current, jobs, speed, {}, step);
      current = population.front();
    }
    samples.push_back({"step", "ms", Better::lower, (thread_cpu_seconds() - before) * 100});
  }
  return samples;
}

Result<std::vector<Sample>> pollux_rounds(const Setup& setup) {
  PolluxProblem problem;
  problem.jobs.assign(40, {.most = 16});
  problem.machines.assign(16, 4);
  problem.current.assign(problem.jobs.size() * problem.machines.size(), 0);
  const Throughput job = AdaptiveThroughput{.step_fixed = Seconds(0.02),
                                            .step_per_sample = Seconds(0.0007),
                                            .sync_inside = Seconds(0.007),
                                            .sync_across = Seconds(0.07),
                                            .base_batch = 128,
                                            .requested_batch = 128,
                                            .max_batch_per_worker = 1024,
                                            .max_workers = 64,
                                            .noise_scale = 5500,
                                            .max_learning_rate = 32};
  problem.speedup = [&](std::size_t, int gpus, bool is_spread) {
    return best_samples_per_second(job, {gpus, 0},
                                   is_spread ? Locality::cluster : Locality::machine) /
           best_samples_per_second(job, {1, 0}, Locality::machine);
  };
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    std::vector<PolluxPlan> population;
    const double before = thread_cpu_seconds();
    const PolluxPlan plan = pollux_search(problem, {}, population);
    samples.push_back({"decision", "ms", Better::lower, (thread_cpu_seconds() - before) * 1000});
    samples.push_back({"fitness", "", Better::neither, pollux_fitness(problem, plan)});
  }
  return samples;
}

/// 2,000 jobs, half of which run on 1 to 16 GPUs and may double, on 256 machines of 8.
Result<std::vector<Sample>> sia_rounds(const Setup& setup) {
  SiaProblem problem{.gpus = {2048}};
  for (std::uint64_t j = 0; j < 2000; ++j) {
    RandomStream draws(1, Purpose::job_shape, j);
    const double scaling = draws.uniform(0.5, 0.95);
    const int most = draws.uniform() < 0.5 ? 32 : 2 << draws.integer(0, 4);
    std::vector<SiaChoice>& choices = problem.jobs.emplace_back();
    for (int n = 1; n <= most; n = n < 8 ? 2 * n : n + 8)
      choices.push_back({0, n, std::pow(n, scaling) * (n == 1 ? 1 : draws.uniform(0.9, 1))});
  }
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    const double before = thread_cpu_seconds();
    const auto chosen = sia_choices(problem);
    samples.push_back({"decision", "ms", Better::lower, (thread_cpu_seconds() - before) * 1000});
    samples.push_back({"cost", "", Better::neither, sia_cost(problem, chosen)});
  }
  return samples;
}

/// Mean time to accuracy over three workloads of 50 jobs, as many as the artifact of ONES runs, on
/// 64 GPUs with restarts of a second.
Result<double> mean_time(std::string_view policy, const Settings& settings, bool has_tables) {
  constexpr std::uint64_t kSeeds = 3;
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    BOURSE_TRY(Instance instance, ones_instance(50, has_tables, seed));
    for (JobSpec& job : instance.jobs) job.restart_cost = Seconds(1);
    BOURSE_TRY(const std::unique_ptr<Policy> made, policy_for(instance, policy, settings, seed));
    sum += metrics_of(instance, simulate(instance, *made)).completion.mean / kSeeds;
  }
  return sum;
}

Result<std::vector<Sample>> ones_workload(const Setup&) {
  BOURSE_TRY(const double ones, mean_time("ones", {}, false));
  BOURSE_TRY(const double tiresias, mean_time("tiresias", {}, false));
  BOURSE_TRY(const double optimus, mean_time("optimus", {{"estimate", "loss"}}, false));
  BOURSE_TRY(const double bid_price, mean_time("bid-price", {}, true));
  return std::vector<Sample>{
      {"ones", "s", Better::lower, ones},
      {"tiresias", "s", Better::neither, tiresias},
      {"optimus", "s", Better::neither, optimus},
      {"bid-price", "s", Better::lower, bid_price},
      {"ones below tiresias", "%", Better::higher, 100 * (1 - ones / tiresias)},
      {"ones below optimus", "%", Better::higher, 100 * (1 - ones / optimus)}};
}

}  // namespace

void add_elastic_cases(std::vector<Case>& cases) {
  for (const auto& size : {std::pair{64, 30}, std::pair{1024, 300}})
    cases.push_back({.section = "elastic",
                     .name = fmt::format("ones {} GPUs, {} jobs", size.first, size.second),
                     .run = [size](const Setup& setup) {
                       return evolve_steps(setup, size.first, size.second);
                     }});
  cases.push_back({.section = "elastic", .name = "pollux 64 GPUs, 40 jobs", .run = pollux_rounds});
  cases.push_back({.section = "elastic", .name = "sia 2048 GPUs, 2000 jobs", .run = sia_rounds});
  cases.push_back(
      {.section = "elastic", .name = "to accuracy, 64 GPUs", .once = true, .run = ones_workload});
}

}  // namespace bourse
