#include "bourse/policy/fifo.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/in_order.h"

namespace bourse {

void FifoPolicy::rebuild_queue(const ClusterState& state) {
  queue_.clear();
  for (const JobId id : state.active())
    if (state.job(id).status == JobStatus::waiting) queue_.push_back(id);
}

Decision FifoPolicy::decide(const ClusterState& state, const Event& event) {
  Decision decision;
  switch (event.kind) {
    case EventKind::arrival: {
      // After a restart of the daemon jobs arrive that run already.
      if (state.job(event.job).status != JobStatus::waiting) return decision;
      queue_.push_back(event.job);
      if (queue_.size() > 1 && !options_.skip) {
        decision.reasons.push_back({event.job, ReasonCode::behind_head, {}});
        return decision;
      }
      if (queue_.size() > 1) {  // Nothing has become free: only the newcomer can start.
        const std::vector<JobId> behind = std::exchange(queue_, {event.job});
        start_what_fits(state, decision);
        queue_.insert(queue_.begin(), behind.begin(), behind.end() - 1);
        return decision;
      }
      break;
    }
    case EventKind::machine_down:
    case EventKind::cancel:
    case EventKind::wake:  // All has arrived again; not all that was started then was done.
      rebuild_queue(state);
      break;
    default:
      break;
  }
  if (!queue_.empty()) start_what_fits(state, decision);
  return decision;
}

void FifoPolicy::start_what_fits(const ClusterState& state, Decision& decision) {
  if (queue_.size() == 1) {  // By far the commonest case needs no scratch copy.
    const JobSpec& job = state.spec(queue_.front());
    auto placed = place(state, job, requested_tasks(job), options_.placement, cursor_);
    decision.reasons.push_back(
        {queue_.front(), placed ? ReasonCode::started : ReasonCode::no_room, {}});
    if (!placed) return;
    cursor_ += static_cast<std::size_t>(job.requested_workers + job.requested_servers);
    decision.changes.push_back({queue_.front(), std::move(*placed)});
    queue_.clear();
    return;
  }
  FreeCapacity free(state);
  FailedDemands failed;
  std::vector<JobId> left;
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    const JobId id = queue_[i];
    const JobSpec& job = state.spec(id);
    std::optional<Allocation> placed;
    if (!failed.covers(job, requested_tasks(job)))
      placed = place(free, job, requested_tasks(job), options_.placement, cursor_);
    if (placed) {
      cursor_ += static_cast<std::size_t>(job.requested_workers + job.requested_servers);
      free.take(job, *placed);
      decision.reasons.push_back({id, ReasonCode::started, {}});
      decision.changes.push_back({id, std::move(*placed)});
      continue;
    }
    left.push_back(id);
    if (!options_.skip) {
      left.insert(left.end(), queue_.begin() + static_cast<std::ptrdiff_t>(i) + 1, queue_.end());
      break;
    }
    failed.add(job, requested_tasks(job));
  }
  queue_ = std::move(left);
}

}  // namespace bourse
