#include "most_valuable_first.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "bourse/policy/placement.h"

using bourse::ClusterState;
using bourse::Decision;
using bourse::Event;
using bourse::FreeCapacity;
using bourse::JobId;
using bourse::JobSpec;
using bourse::JobStatus;
using bourse::ReasonCode;

Decision MostValuableFirst::decide(const ClusterState& state, const Event&) {
  std::vector<JobId> waiting;
  for (const JobId id : state.active())  // by arrival, then id
    if (state.job(id).status == JobStatus::waiting) waiting.push_back(id);
  std::ranges::stable_sort(waiting, std::greater{}, [&](JobId id) {
    return utility_at(state.spec(id).utility, state.now() - state.spec(id).arrival);
  });

  Decision decision;
  FreeCapacity free(state);  // A copy to try placements on.
  for (const JobId id : waiting) {
    const JobSpec& job = state.spec(id);
    auto placed = place(free, job, {job.requested_workers, job.requested_servers});
    if (!placed) continue;
    free.take(job, *placed);
    decision.changes.push_back({id, std::move(*placed)});
    decision.reasons.push_back({id, ReasonCode::started, {}});
  }
  return decision;
}
