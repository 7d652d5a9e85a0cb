#include "bourse/policy/check_decision.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/policy/placement.h"

namespace bourse {
namespace {

std::string name_of(const ClusterState& state, JobId id) {
  return fmt::format("job {} '{}'", id.value, quotable(state.spec(id).name));
}

Result<void> check_job(const ClusterState& state, JobId id) {
  if (id.index() >= state.job_count()) return invalid(fmt::format("there is no job {}", id.value));
  const JobStatus status = state.job(id).status;
  if (status == JobStatus::pending)
    return invalid(fmt::format("job {} has not arrived yet", id.value));
  if (status == JobStatus::finished || status == JobStatus::declined)
    return invalid(fmt::format("{} is over", name_of(state, id)));
  return {};
}

/// Errors: two of the jobs are the same.
Result<void> check_distinct(const ClusterState& state, std::vector<JobId> jobs) {
  std::ranges::sort(jobs);
  const auto twice = std::ranges::adjacent_find(jobs);
  if (twice == jobs.end()) return {};
  return invalid(fmt::format("{} is named twice", name_of(state, *twice)));
}

Result<void> check_group(const ClusterState& state, JobId id, const TaskGroup& group,
                         std::optional<MachineId> before) {
  if (group.machine.index() >= state.cluster().machines.size())
    return invalid(
        fmt::format("{}: there is no machine {}", name_of(state, id), group.machine.value));
  const std::string machine = state.cluster().machine_name(group.machine);
  if (before && *before >= group.machine)
    return invalid(fmt::format("{}: machine {} '{}' is named twice or out of order",
                               name_of(state, id), group.machine.value, machine));
  if (group.workers < 0 || group.servers < 0 || group.workers > kMaxWorkers ||
      group.servers > kMaxWorkers || group.workers + group.servers == 0)
    return invalid(fmt::format(
        "{} on machine {} '{}': {} workers and {} servers; there must be some, up to {}",
        name_of(state, id), group.machine.value, machine, group.workers, group.servers,
        kMaxWorkers));
  if (!state.is_up(group.machine))
    return invalid(fmt::format("{} on machine {} '{}': the machine is down", name_of(state, id),
                               group.machine.value, machine));
  return {};
}

/// Errors: the job has no such batch.
Result<void> check_batch(const ClusterState& state, const Change& change) {
  if (change.batch == 0) return {};
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&state.spec(change.job).throughput);
  if (adaptive == nullptr)
    return invalid(
        fmt::format("{} has a batch of {}, and only jobs of the shape 'adaptive' may "
                    "have one",
                    name_of(state, change.job), change.batch));
  if (change.batch < adaptive->base_batch || change.batch > largest_batch(*adaptive))
    return invalid(fmt::format("{} has a batch of {}; it may be from {} to {}",
                               name_of(state, change.job), change.batch, adaptive->base_batch,
                               largest_batch(*adaptive)));
  return {};
}

/// Errors: the tasks do not fit what is free on the machine.
Result<void> check_room(const ClusterState& state, JobId id, const TaskGroup& group,
                        const FreeCapacity& free) {
  const JobSpec& job = state.spec(id);
  const Cluster& cluster = state.cluster();
  for (std::size_t r = 0; r < cluster.types.size(); ++r) {
    // In floating point first: a million workers of the largest demand would overflow.
    const double roughly = static_cast<double>(group.workers) * static_cast<double>(job.worker[r]) +
                           static_cast<double>(group.servers) * static_cast<double>(job.server[r]);
    const Amount room = free.of(group.machine)[r];
    const auto needed = static_cast<Amount>(std::min(roughly, 9e18));
    if (needed <= room) continue;
    return invalid(
        fmt::format("{} on machine {} '{}': needs {} {} and {} of {} are free", name_of(state, id),
                    group.machine.value, cluster.machine_name(group.machine),
                    amount_text(needed, cluster.types[r].kind), cluster.types[r].name,
                    amount_text(std::max<Amount>(room, 0), cluster.types[r].kind),
                    amount_text(cluster.capacity(group.machine)[r], cluster.types[r].kind)));
  }
  return {};
}

Result<void> check_changes(const ClusterState& state, const std::vector<Change>& changes) {
  FreeCapacity free(state);
  for (const Change& change : changes) {
    BOURSE_TRY_VOID(check_job(state, change.job));
    free.give(state.spec(change.job), state.job(change.job).allocation);
  }
  for (const Change& change : changes) {
    BOURSE_TRY_VOID(check_batch(state, change));
    std::optional<MachineId> before;
    for (const TaskGroup& group : change.allocation) {
      BOURSE_TRY_VOID(check_group(state, change.job, group, before));
      BOURSE_TRY_VOID(check_room(state, change.job, group, free));
      free.take(state.spec(change.job), {&group, 1});
      before = group.machine;
    }
  }
  return {};
}

}  // namespace

Result<void> check_decision(const ClusterState& state, const Decision& decision) {
  std::vector<JobId> changed;
  for (const Change& change : decision.changes) {
    BOURSE_TRY_VOID(check_job(state, change.job));
    changed.push_back(change.job);
  }
  BOURSE_TRY_VOID(check_distinct(state, changed));
  BOURSE_TRY_VOID(check_changes(state, decision.changes));
  for (const JobId id : decision.declined) {
    BOURSE_TRY_VOID(check_job(state, id));
    const auto change = std::ranges::find(decision.changes, id, &Change::job);
    const bool holds = change != decision.changes.end() ? !change->allocation.empty()
                                                        : !state.job(id).allocation.empty();
    if (holds)
      return invalid(fmt::format(
          "{} cannot be declined while it holds machines; release them first", name_of(state, id)));
  }
  BOURSE_TRY_VOID(check_distinct(state, decision.declined));
  if (!(decision.wake_at >= state.now()))
    return invalid(
        fmt::format("it wants to be woken at {}, which is past", to_text(decision.wake_at)));
  return {};
}

}  // namespace bourse
