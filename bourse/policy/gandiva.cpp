#include "bourse/policy/gandiva.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/placement.h"

namespace bourse {
namespace {

/// The most workers, with their servers, for which the machine has room, if that is faster than
/// what the job has.
TaskCounts grown(const FreeCapacity& free, const ClusterState& state, JobId id) {
  const JobSpec& job = state.spec(id);
  const TaskGroup& held = state.job(id).allocation.front();
  const double speed_of_machine = state.cluster().class_of(held.machine).speed;
  TaskCounts best{held.workers, held.servers};
  double best_rate =
      samples_per_second(job.throughput, best, Locality::machine, speed_of_machine) * (1 + 1e-9);
  int workers = best.workers;
  while (true) {
    const int next = next_workers(job.throughput, workers);
    if (next == workers) return best;
    workers = next;
    const TaskCounts tasks{workers, std::max(held.servers, servers_for(job.throughput, workers))};
    const Allocation more{
        {held.machine, tasks.workers - held.workers, tasks.servers - held.servers}};
    if (!free.has(job, more)) return best;
    const double rate =
        samples_per_second(job.throughput, tasks, Locality::machine, speed_of_machine);
    if (rate <= best_rate) continue;
    best = tasks;
    best_rate = rate;
  }
}

bool may_grow(const ClusterState& state, JobId id) {
  return state.job(id).allocation.size() == 1 && !is_rigid(state.spec(id).throughput);
}

}  // namespace

/// End of a slice: who waits comes before who runs.
Decision GandivaPolicy::rotate(const ClusterState& state) {
  std::vector<JobId> running = state.running();
  std::ranges::stable_sort(running, std::greater{}, [&](JobId id) { return state.job(id).since; });
  return run_waiting_first(state, classes_, running);
}

Decision GandivaPolicy::grow(const ClusterState& state) const {
  Decision decision;
  FreeCapacity free(state);
  for (const JobId id : state.active()) {
    if (!may_grow(state, id)) continue;
    const TaskGroup& held = state.job(id).allocation.front();
    const TaskCounts tasks = grown(free, state, id);
    if (tasks == TaskCounts{held.workers, held.servers}) continue;
    const JobSpec& job = state.spec(id);
    free.give(job, state.job(id).allocation);
    Allocation allocation{{held.machine, tasks.workers, tasks.servers}};
    free.take(job, allocation);
    decision.reasons.push_back({id, ReasonCode::resized, {}});
    decision.changes.push_back({id, std::move(allocation)});
  }
  return decision;
}

Decision GandivaPolicy::decide(const ClusterState& state, const Event& event) {
  const bool slice_is_over = slice_end_ <= state.now();
  if (slice_is_over) slice_end_ = kForever;
  Decision decision;
  if (state.waiting_count() > 0)
    decision = slice_is_over ? rotate(state) : start_waiting(state, classes_);
  else if (slice_is_over && options_.grow)
    decision = grow(state);
  const bool may_grow_later = options_.grow && event.kind != EventKind::wake &&
                              std::ranges::any_of(state.active(), [&](JobId id) {
                                return !is_rigid(state.spec(id).throughput);
                              });
  const std::size_t waits = waiting_after(state, decision);
  const bool nothing_runs = waits == state.active().size();
  // While nothing runs and nothing can start, all slices are the same.
  if (nothing_runs || (waits == 0 && !may_grow_later))
    slice_end_ = kForever;
  else if (slice_end_ == kForever)
    slice_end_ = state.now() + options_.quantum + longest_restart(state, decision);
  decision.wake_at = slice_end_;
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_gandiva(const SettingsReader& settings, const PolicyContext&) {
  GandivaOptions options;
  BOURSE_TRY(options.quantum, settings.period("quantum", options.quantum));
  BOURSE_TRY(options.grow, settings.flag("grow"));
  return std::make_unique<GandivaPolicy>(options);
}

}  // namespace

PolicyInfo gandiva_info() {
  return {"gandiva",
          "time slices: while jobs wait, all take turns; packing by demands, migration",
          "Xiao et al., Gandiva, OSDI'18",
          "the request",
          {{"quantum", "1min", "a duration from 1ms",
            "length of a slice while jobs wait; a longer one restarts less and waits more"},
           {"grow", "false", "true | false",
            "elastic jobs take what is idle on their machine while nobody waits"}},
          make_gandiva};
}

}  // namespace bourse
