#include "bourse/policy/pollux.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "bourse/policy/gang_starts.h"
#include "bourse/policy/gpu_slots.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

double goodput(const JobSpec& job, int workers, bool is_spread) {
  return best_samples_per_second(job.throughput, bundle(job, workers),
                                 is_spread ? Locality::cluster : Locality::machine);
}

/// The row of the plan as an allocation; empty if it is one.
Allocation row_allocation(const PolluxPlan& plan, std::size_t row, std::size_t width,
                          int per_worker) {
  Allocation allocation;
  for (std::size_t m = 0; m < width; ++m)
    if (const int gpus = plan[row * width + m]; gpus > 0)
      allocation.push_back({MachineId(m), gpus / per_worker, 0});
  return allocation;
}

}  // namespace

/// The plan of the last round with the rows of the jobs of now; new jobs have nothing.
PolluxPlan PolluxPolicy::rows_for(const ClusterState& state, const PolluxPlan& plan) const {
  const std::size_t width = state.cluster().machines.size();
  PolluxPlan out(state.active().size() * width, 0);
  for (std::size_t rank = 0; rank < state.active().size(); ++rank) {
    const auto at = std::ranges::find(ranked_, state.active()[rank]);
    if (at == ranked_.end()) continue;
    const auto from = static_cast<std::size_t>(at - ranked_.begin()) * width;
    std::copy_n(plan.begin() + static_cast<std::ptrdiff_t>(from), width,
                out.begin() + static_cast<std::ptrdiff_t>(rank * width));
  }
  return out;
}

PolluxProblem PolluxPolicy::problem_of(const ClusterState& state) {
  PolluxProblem problem;
  problem.power = options_.power;
  const std::size_t width = state.cluster().machines.size();
  for (std::size_t m = 0; m < width; ++m) problem.machines.push_back(gpus_on(state, MachineId(m)));
  const int gpu_count = std::accumulate(problem.machines.begin(), problem.machines.end(), 0);
  const std::vector<JobId>& active = state.active();
  problem.current.assign(active.size() * width, 0);
  most_held_.resize(std::max(most_held_.size(), state.job_count()), 0);
  const int jobs = static_cast<int>(active.size());
  const int fair_gpus = (gpu_count + jobs - 1) / std::max(1, jobs);
  std::vector<double> fair;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const JobId id = active[rank];
    const JobSpec& spec = state.spec(id);
    const int per_worker = gpus_per_worker(state.cluster(), spec);
    int held = 0;
    for (const TaskGroup& group : state.job(id).allocation) {
      problem.current[rank * width + group.machine.index()] =
          static_cast<std::int16_t>(group.workers * per_worker);
      held += group.workers * per_worker;
    }
    most_held_[id.index()] = std::max(most_held_[id.index()], held);
    const int least = min_workers(spec.throughput) * per_worker;
    const auto most = static_cast<int>(
        std::min<std::int64_t>(gpu_count, std::int64_t{max_workers(spec.throughput)} * per_worker));
    PolluxJob job{.gpus_per_worker = per_worker,
                  .least = least,
                  .most = std::min(most, std::max({least, 2, 2 * most_held_[id.index()]}))};
    const JobState& at = state.job(id);
    if (at.attained > Seconds(0) || at.status == JobStatus::running)
      job.kept =
          restart_factor((state.now() - spec.arrival).value, at.restarts, spec.restart_cost.value);
    problem.jobs.push_back(job);
    const int share = std::clamp(fair_gpus / per_worker, min_workers(spec.throughput),
                                 max_workers(spec.throughput));
    fair.push_back(std::max(1e-12, goodput(spec, share, false)));
  }
  problem.speedup = [&state, fair = std::move(fair)](std::size_t rank, int gpus, bool is_spread) {
    const JobSpec& spec = state.spec(state.active()[rank]);
    const int workers = gpus / gpus_per_worker(state.cluster(), spec);
    return goodput(spec, workers, is_spread) / fair[rank];
  };
  return problem;
}

Decision PolluxPolicy::apply(const ClusterState& state, const PolluxProblem& problem,
                             const PolluxPlan& plan) const {
  const std::vector<JobId>& active = state.active();
  const std::size_t width = problem.machines.size();
  FreeCapacity free(state);
  std::vector<Allocation> wanted(active.size());
  std::vector<std::size_t> changed;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const auto at = static_cast<std::ptrdiff_t>(rank * width);
    const Allocation& held = state.job(active[rank]).allocation;
    if (std::equal(plan.begin() + at, plan.begin() + at + static_cast<std::ptrdiff_t>(width),
                   problem.current.begin() + at)) {
      wanted[rank] = held;
      continue;
    }
    free.give(state.spec(active[rank]), held);
    changed.push_back(rank);
  }
  for (const std::size_t rank : changed) {
    const JobSpec& spec = state.spec(active[rank]);
    Allocation row = row_allocation(plan, rank, width, problem.jobs[rank].gpus_per_worker);
    if (row.empty()) continue;
    const int workers = tasks_of(row).workers;
    const bool is_exact = servers_for(spec.throughput, workers) == 0 && free.has(spec, row) &&
                          declared_speed(spec, row, state.cluster()) > 0;
    wanted[rank] = is_exact ? std::move(row) : place_shrinking(free, spec, workers);
    free.take(spec, wanted[rank]);
  }
  // Room that a plan leaves although nobody runs: what was planned did not fit.
  if (std::ranges::all_of(wanted, [](const Allocation& a) { return a.empty(); }))
    for (std::size_t rank = 0; rank < active.size(); ++rank) {
      const JobSpec& spec = state.spec(active[rank]);
      wanted[rank] = place_shrinking(free, spec, min_workers(spec.throughput));
      free.take(spec, wanted[rank]);
    }
  return with_best_batches(state, changes_to(state, std::move(wanted)));
}

Decision PolluxPolicy::decide(const ClusterState& state, const Event& event) {
  return divide_in_rounds(state, event, rounds_, false, [&] { return plan_round(state); });
}

Decision PolluxPolicy::plan_round(const ClusterState& state) {
  const PolluxProblem problem = problem_of(state);
  for (PolluxPlan& plan : population_) plan = rows_for(state, plan);
  const PolluxPlan plan = pollux_search(problem,
                                        {.population = options_.population,
                                         .generations = options_.generations,
                                         .seed = options_.seed,
                                         .round = ++round_},
                                        population_);
  ranked_ = state.active();
  return apply(state, problem, plan);
}

namespace {

Result<std::unique_ptr<Policy>> make_pollux(const SettingsReader& settings,
                                            const PolicyContext& context) {
  PolluxOptions options;
  BOURSE_TRY(options.interval, settings.period("interval", options.interval));
  BOURSE_TRY(options.population, settings.whole("population", 2, 500));
  BOURSE_TRY(options.generations, settings.whole("generations", 1, 10000));
  BOURSE_TRY(options.power, settings.number("power", -10, 1));
  options.seed = context.seed;
  return std::make_unique<PolluxPolicy>(options);
}

}  // namespace

PolicyInfo pollux_info() {
  return {"pollux",
          "a genetic search divides GPUs by goodput, with the best batch for each job",
          "Qiao et al., Pollux, OSDI'21",
          "its law of speed and noise, or its declared speed",
          {{"interval", "60s", "a duration from 1ms", "time between two rounds"},
           {"population", "100", "2 to 500", "plans kept; more cost more and find better ones"},
           {"generations", "100", "1 to 10000", "of one round"},
           {"power", "-1", "-10 to 1", "of the mean over jobs; smaller is fairer"}},
          make_pollux};
}

}  // namespace bourse
