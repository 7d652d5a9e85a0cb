#include "bourse/policy/sia.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "bourse/policy/gang_starts.h"
#include "bourse/policy/gpu_slots.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/pollux_search.h"

namespace bourse {
namespace {

/// Machines of each class that are up.
std::vector<int> machines_up(const ClusterState& state) {
  std::vector<int> count(state.cluster().classes.size(), 0);
  for (std::size_t h = 0; h < state.cluster().machines.size(); ++h)
    if (state.is_up(MachineId(h))) ++count[state.cluster().machines[h].class_index];
  return count;
}

/// Numbers of workers to choose from on one class.
std::vector<int> sizes_on(const JobSpec& job, int on_machine, int machines) {
  const int least = min_workers(job.throughput);
  const int most = max_workers(job.throughput);
  std::vector<int> sizes;
  if (is_rigid(job.throughput)) {
    if (std::int64_t{on_machine} * machines >= least) sizes.push_back(least);
    return sizes;
  }
  for (int n = 1; n < on_machine; n *= 2)
    if (n >= least && n <= most) sizes.push_back(n);
  for (int k = 1; k <= machines && k * on_machine <= most; ++k)
    if (k * on_machine >= least) sizes.push_back(k * on_machine);
  return sizes;
}

/// The class of all machines of the allocation; nothing if there are several.
std::optional<std::uint32_t> class_of_all(const Cluster& cluster, const Allocation& allocation) {
  std::optional<std::uint32_t> found;
  for (const TaskGroup& group : allocation) {
    const std::uint32_t index = cluster.machines[group.machine.index()].class_index;
    if (found && *found != index) return std::nullopt;
    found = index;
  }
  return found;
}

}  // namespace

std::vector<SiaChoice> SiaPolicy::choices_of(const ClusterState& state, JobId id) const {
  const Cluster& cluster = state.cluster();
  const JobSpec& job = state.spec(id);
  const JobState& at = state.job(id);
  const int per_worker = gpus_per_worker(cluster, job);
  const std::vector<int> machines = machines_up(state);
  const int held = tasks_of(at.allocation).workers;
  const auto held_class = class_of_all(cluster, at.allocation);
  const bool has_run = held > 0 || at.attained > Seconds(0);
  const double age = (state.now() - job.arrival).value;
  const double kept = !has_run || age < job.restart_cost.value
                          ? 1
                          : restart_factor(age, at.restarts, job.restart_cost.value);
  std::vector<SiaChoice> choices;
  for (std::size_t k = 0; k < cluster.classes.size(); ++k) {
    const auto on_machine = static_cast<int>(
        count_that_fits(job.worker, cluster.classes[k].capacity, max_workers(job.throughput)));
    if (on_machine == 0) continue;
    for (const int workers : sizes_on(job, on_machine, machines[k])) {
      if (!is_rigid(job.throughput) && held > 0 && workers > std::max(2 * held, 1)) continue;
      const Locality locality = workers <= on_machine ? Locality::machine : Locality::cluster;
      const double rate = best_samples_per_second(job.throughput, bundle(job, workers), locality,
                                                  cluster.classes[k].speed);
      const bool is_held = workers == held && held_class == k;
      const double worth = rate * (is_held ? 1 : std::max(kept, 1e-3));
      if (worth > 0) choices.push_back({k, workers * per_worker, worth});
    }
  }
  return choices;
}

Decision SiaPolicy::plan_round(const ClusterState& state) const {
  const Cluster& cluster = state.cluster();
  const std::vector<JobId>& active = state.active();
  SiaProblem problem{.power = options_.power, .starving = options_.starving, .gap = options_.gap};
  problem.gpus.assign(cluster.classes.size(), 0);
  for (std::size_t h = 0; h < cluster.machines.size(); ++h)
    problem.gpus[cluster.machines[h].class_index] += gpus_on(state, MachineId(h));
  for (const JobId id : active) problem.jobs.push_back(choices_of(state, id));
  const auto chosen = sia_choices(problem);
  FreeCapacity free(state);
  std::vector<Allocation> wanted(active.size());
  std::vector<std::size_t> moved;
  const auto workers_of = [&](std::size_t rank) {
    return problem.jobs[rank][*chosen[rank]].gpus /
           gpus_per_worker(cluster, state.spec(active[rank]));
  };
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const Allocation& held = state.job(active[rank]).allocation;
    const bool is_large = problem.jobs[rank].empty();  // for one class alone
    const bool is_kept =
        !held.empty() && (is_large || (chosen[rank] && tasks_of(held).workers == workers_of(rank) &&
                                       class_of_all(cluster, held) ==
                                           problem.jobs[rank][*chosen[rank]].machine_class));
    if (is_kept) {
      wanted[rank] = held;
      continue;
    }
    free.give(state.spec(active[rank]), held);
    if (chosen[rank]) moved.push_back(rank);
  }
  std::ranges::stable_sort(moved, std::greater<>(), workers_of);
  for (const std::size_t rank : moved) {
    const JobSpec& job = state.spec(active[rank]);
    FreeCapacity one_class = free;
    one_class.keep_class(
        static_cast<std::uint32_t>(problem.jobs[rank][*chosen[rank]].machine_class));
    auto placed = place(one_class, job, bundle(job, workers_of(rank)));
    wanted[rank] = placed ? std::move(*placed) : place_shrinking(free, job, workers_of(rank));
    free.take(job, wanted[rank]);
  }
  const bool is_idle = std::ranges::all_of(wanted, [](const Allocation& a) { return a.empty(); });
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    if (!wanted[rank].empty() || !(is_idle || problem.jobs[rank].empty())) continue;
    const JobSpec& job = state.spec(active[rank]);
    wanted[rank] = place_shrinking(free, job, min_workers(job.throughput));
    free.take(job, wanted[rank]);
  }
  return with_best_batches(state, changes_to(state, std::move(wanted)));
}

Decision SiaPolicy::decide(const ClusterState& state, const Event& event) {
  return divide_in_rounds(state, event, rounds_, false, [&] { return plan_round(state); });
}

namespace {

Result<std::unique_ptr<Policy>> make_sia(const SettingsReader& settings, const PolicyContext&) {
  SiaOptions options;
  BOURSE_TRY(options.interval, settings.period("interval", options.interval));
  BOURSE_TRY(options.power, settings.number("power", -10, -0.01));
  BOURSE_TRY(options.starving, settings.number("starving", 1, 1000));
  BOURSE_TRY(options.gap, settings.number("gap", 0, 1));
  return std::make_unique<SiaPolicy>(options);
}

}  // namespace

PolicyInfo sia_info() {
  return {"sia",
          "an integer program chooses class and GPUs by goodput, with the best batch for each job",
          "Jayaram Subramanya et al., Sia, SOSP'23",
          "its law of speed and noise on every class, or its declared speed",
          {{"interval", "60s", "a duration from 1ms", "time between two rounds"},
           {"power", "-0.5", "-10 to -0.01", "of the cost; smaller favours jobs with little"},
           {"starving", "1.1", "1 to 1000",
            "cost of a job that does not run, where the worst choice of one that does costs 1"},
           {"gap", "0.01", "0 to 1", "of the integer program; a smaller one takes longer"}},
          make_sia};
}

}  // namespace bourse
