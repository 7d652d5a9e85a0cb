#include "bourse/policy/repacking.h"

#include <algorithm>
#include <utility>

namespace bourse {

Repacking::Repacking(const ClusterState& state) : state_(&state), open_(state), calm_(state) {
  for (const JobId id : state.running()) open_.give(state.spec(id), state.job(id).allocation);
}

bool Repacking::was_refused(JobId id) const {
  return id.index() < refused_.size() && refused_[id.index()];
}

void Repacking::grant(JobId id, Allocation allocation) {
  open_.take(state_->spec(id), allocation);
  calm_.take(state_->spec(id), allocation);
  granted_.push_back({id, std::move(allocation)});
}

bool Repacking::try_run(JobId id, TaskCounts tasks) { return try_run(id, tasks, std::nullopt); }

bool Repacking::try_run_on(JobId id, TaskCounts tasks, std::uint32_t class_index) {
  if (state_->cluster().classes.size() == 1) return try_run(id, tasks, std::nullopt);
  return try_run(id, tasks, class_index);
}

bool Repacking::try_run(JobId id, TaskCounts tasks, std::optional<std::uint32_t> class_index) {
  const JobSpec& job = state_->spec(id);
  const Allocation& held = state_->job(id).allocation;
  if (!held.empty() && !was_refused(id)) calm_.give(job, held);
  const auto is_on_class = [&](const TaskGroup& group) {
    return !class_index ||
           state_->cluster().machines[group.machine.index()].class_index == *class_index;
  };
  if (!held.empty() && tasks_of(held) == tasks && std::ranges::all_of(held, is_on_class) &&
      open_.has(job, held)) {
    grant(id, held);
    return true;
  }
  const auto place_in = [&](const FreeCapacity& free) {
    if (!class_index) return place(free, job, tasks);
    FreeCapacity of_class = free;
    of_class.keep_class(*class_index);
    return place(of_class, job, tasks);
  };
  auto placed = place_in(calm_);
  if (!placed) placed = place_in(open_);
  if (!placed) {
    if (!held.empty()) refused_.resize(state_->job_count());
    if (!held.empty()) refused_[id.index()] = true;
    return false;
  }
  grant(id, std::move(*placed));
  return true;
}

Decision Repacking::decision() {
  Decision decision;
  std::ranges::sort(granted_, {}, &Change::job);
  const auto is_granted = [&](JobId id) {
    return std::ranges::binary_search(granted_, id, {}, &Change::job);
  };
  for (const JobId id : state_->running()) {
    if (is_granted(id)) continue;
    decision.reasons.push_back({id, ReasonCode::preempted, {}});
    decision.changes.push_back({id, {}});
  }
  for (const JobId id : waiting_since_now(*state_))
    if (is_newcomer(*state_, id) && !is_granted(id))
      decision.reasons.push_back({id, ReasonCode::no_room, {}});
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
