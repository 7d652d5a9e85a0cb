#include "bourse/policy/shortest.h"

#include <utility>

#include "bourse/policy/in_order.h"

namespace bourse {

Decision ShortestPolicy::decide(const ClusterState& state, const Event& event) {
  if (state.waiting_count() == 0) return {};
  if (auto decision = start_lone_newcomer(state, event)) return std::move(*decision);
  std::vector<JobRank> ranks;
  ranks.reserve(state.active().size());
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    double key = state.samples_left(id) / job.samples * requested_duration(job).value;
    if (key_ == ShortestKey::service) key *= gpus_requested(state, job);
    ranks.push_back({{key}, job.arrival, id});
  }
  return run_by_rank(state, classes_, std::move(ranks));
}

}  // namespace bourse
