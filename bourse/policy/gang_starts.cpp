#include "bourse/policy/gang_starts.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/placement.h"

namespace bourse {
namespace {

TaskCounts gang_of(const JobSpec& job) { return bundle(job, max_workers(job.throughput)); }

void start_newcomer(const ClusterState& state, JobId id, Decision& decision) {
  const JobSpec& job = state.spec(id);
  std::optional<Allocation> placed;
  if (is_rigid(job.throughput)) placed = place(state, job, gang_of(job));
  decision.reasons.push_back({id, placed ? ReasonCode::started : ReasonCode::no_room, {}});
  if (placed) decision.changes.push_back({id, std::move(*placed)});
}

void start_gangs(const ClusterState& state, const Event& event, Decision& decision) {
  if (event.kind == EventKind::arrival) return start_newcomer(state, event.job, decision);
  if (state.waiting_count() == 0) return;
  FreeCapacity free(state);
  FailedDemands failed;
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    if (state.job(id).status != JobStatus::waiting || !is_rigid(job.throughput)) continue;
    if (failed.covers(job, gang_of(job))) continue;
    auto placed = place(free, job, gang_of(job));
    if (!placed) {
      failed.add(job, gang_of(job));
      continue;
    }
    free.take(job, *placed);
    decision.reasons.push_back({id, ReasonCode::started, {}});
    decision.changes.push_back({id, std::move(*placed)});
  }
}

}  // namespace

bool is_settled(const ClusterState& state) {
  return state.waiting_count() == 0 && std::ranges::all_of(state.active(), [&](JobId id) {
           return is_rigid(state.spec(id).throughput);
         });
}

Decision divide_in_rounds(const ClusterState& state, const Event& event, Rounds& rounds,
                          bool gangs_at_once, const std::function<Decision()>& divide) {
  Decision decision;
  if (state.active().empty()) return decision;
  if (!rounds.begins(state, event)) {
    if (gangs_at_once) start_gangs(state, event, decision);
    decision.wake_at = rounds.wake_after_event(state);
    return decision;
  }
  bool is_still = is_settled(state);
  if (!is_still) {
    decision = divide();
    const bool nothing_runs = state.waiting_count() == state.active().size();
    is_still = decision.changes.empty() && nothing_runs;
  }
  decision.wake_at = rounds.wake_after_round(is_still);
  return decision;
}

}  // namespace bourse
