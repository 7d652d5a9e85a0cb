#include "bourse/policy/repacking.h"

#include <algorithm>
#include <utility>

namespace bourse {

Repacking::Repacking(const ClusterState& state) : state_(&state), open_(state), calm_(state) {
  for (const JobId id : state.active()) open_.give(state.spec(id), state.job(id).allocation);
}

void Repacking::grant(JobId id, Allocation allocation) {
  open_.take(state_->spec(id), allocation);
  calm_.take(state_->spec(id), allocation);
  granted_.push_back({id, std::move(allocation)});
}

bool Repacking::try_run(JobId id, TaskCounts tasks) {
  const JobSpec& job = state_->spec(id);
  const Allocation& held = state_->job(id).allocation;
  calm_.give(job, held);
  if (!held.empty() && tasks_of(held) == tasks && open_.has(job, held)) {
    grant(id, held);
    return true;
  }
  auto placed = place(calm_, job, tasks);
  if (!placed) placed = place(open_, job, tasks);
  if (!placed) return false;
  grant(id, std::move(*placed));
  return true;
}

Decision Repacking::decision() {
  Decision decision;
  std::ranges::sort(granted_, {}, &Change::job);
  for (const JobId id : state_->active()) {
    if (std::ranges::binary_search(granted_, id, {}, &Change::job)) continue;
    const JobState& job = state_->job(id);
    const bool is_new = job.since == state_->now() && job.attained == Seconds(0);
    if (!job.allocation.empty()) {
      decision.reasons.push_back({id, ReasonCode::preempted, {}});
      decision.changes.push_back({id, {}});
    } else if (is_new) {
      decision.reasons.push_back({id, ReasonCode::no_room, {}});
    }
  }
  for (Change& change : granted_) {
    const Allocation& held = state_->job(change.job).allocation;
    if (change.allocation == held) continue;
    decision.reasons.push_back(
        {change.job, held.empty() ? ReasonCode::started : ReasonCode::resized, {}});
    decision.changes.push_back(std::move(change));
  }
  std::ranges::sort(decision.reasons, {}, &Reason::job);
  std::ranges::sort(decision.changes, {}, &Change::job);
  return decision;
}

}  // namespace bourse
