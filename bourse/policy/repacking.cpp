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

Decision Repacking::decision() const {
  Decision decision;
  std::vector<Change> wanted = granted_;
  std::ranges::sort(wanted, {}, &Change::job);
  std::vector<JobId> active = state_->active();
  std::ranges::sort(active);
  auto next = wanted.begin();
  for (const JobId id : active) {
    const Allocation& held = state_->job(id).allocation;
    if (next != wanted.end() && next->job == id) {
      if (next->allocation != held) {
        decision.reasons.push_back(
            {id, held.empty() ? ReasonCode::started : ReasonCode::resized, {}});
        decision.changes.push_back(std::move(*next));
      }
      ++next;
      continue;
    }
    decision.reasons.push_back(
        {id, held.empty() ? ReasonCode::no_room : ReasonCode::preempted, {}});
    if (!held.empty()) decision.changes.push_back({id, {}});
  }
  return decision;
}

}  // namespace bourse
