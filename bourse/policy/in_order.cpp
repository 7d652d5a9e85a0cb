#include "bourse/policy/in_order.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/repacking.h"

namespace bourse {

TaskCounts requested_tasks(const JobSpec& job) {
  return {job.requested_workers, job.requested_servers};
}

double gpus_requested(const ClusterState& state, const JobSpec& job) {
  const auto gpu = state.cluster().types.find("gpu");
  const Amount each = gpu ? job.worker[*gpu] : 0;
  return each == 0 ? job.requested_workers
                   : static_cast<double>(each * job.requested_workers) / kAmountsPerUnit;
}

Seconds time_held(const ClusterState& state, JobId id) {
  const JobState& job = state.job(id);
  if (job.status != JobStatus::running) return job.attained;
  return job.attained + (state.now() - job.since);
}

Decision run_in_order(const ClusterState& state, std::span<const JobId> order,
                      WhenBlocked when_blocked) {
  Repacking repacking(state);
  FailedDemands failed;
  for (const JobId id : order) {
    const JobSpec& job = state.spec(id);
    const TaskCounts tasks = requested_tasks(job);
    const bool runs = state.job(id).status == JobStatus::running;
    if (!runs && failed.covers(job, tasks)) continue;
    if (repacking.try_run(id, tasks)) continue;
    if (when_blocked == WhenBlocked::block) break;
    failed.add(job, tasks);
  }
  return repacking.decision();
}

Decision start_in_order(const ClusterState& state, std::span<const JobId> order) {
  Decision decision;
  FreeCapacity free(state);
  FailedDemands failed;
  for (const JobId id : order) {
    const JobSpec& job = state.spec(id);
    const TaskCounts tasks = requested_tasks(job);
    std::optional<Allocation> placed;
    if (!failed.covers(job, tasks)) placed = place(free, job, tasks);
    if (!placed) {
      failed.add(job, tasks);
      const bool is_new = state.job(id).since == state.now() && state.job(id).attained.value <= 0;
      if (is_new) decision.reasons.push_back({id, ReasonCode::no_room, {}});
      continue;
    }
    free.take(job, *placed);
    decision.reasons.push_back({id, ReasonCode::started, {}});
    decision.changes.push_back({id, std::move(*placed)});
  }
  return decision;
}

std::vector<JobId> waiting_longest_first(const ClusterState& state) {
  std::vector<JobId> waiting;
  for (const JobId id : state.active())
    if (state.job(id).status == JobStatus::waiting) waiting.push_back(id);
  std::ranges::stable_sort(waiting, {}, [&](JobId id) { return state.job(id).since; });
  return waiting;
}

Seconds longest_restart(const ClusterState& state, const Decision& decision) {
  Seconds longest{0};
  for (const Change& change : decision.changes)
    if (!change.allocation.empty() && time_held(state, change.job) > Seconds(0))
      longest = std::max(longest, state.spec(change.job).restart_cost);
  return longest;
}

std::size_t waiting_after(const ClusterState& state, const Decision& decision) {
  std::size_t waiting = state.waiting_count() - decision.declined.size();
  for (const Change& change : decision.changes) {
    const bool waits = state.job(change.job).status == JobStatus::waiting;
    if (waits && !change.allocation.empty()) --waiting;
    if (!waits && change.allocation.empty()) ++waiting;
  }
  return waiting;
}

std::optional<Decision> start_lone_newcomer(const ClusterState& state, const Event& event) {
  if (event.kind != EventKind::arrival || state.waiting_count() != 1) return std::nullopt;
  const JobSpec& job = state.spec(event.job);
  auto placed = place(state, job, requested_tasks(job));
  if (!placed) return std::nullopt;
  Decision decision;
  decision.changes.push_back({event.job, std::move(*placed)});
  decision.reasons.push_back({event.job, ReasonCode::started, {}});
  return decision;
}

}  // namespace bourse
