#include "bourse/policy/shortest.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "bourse/policy/in_order.h"

namespace bourse {
namespace {

struct Ranked {
  double key;
  Seconds arrival;
  JobId id;
};

}  // namespace

Decision ShortestPolicy::decide(const ClusterState& state, const Event& event) {
  if (state.waiting_count() == 0) return {};
  if (auto decision = start_lone_newcomer(state, event)) return std::move(*decision);
  std::vector<Ranked> ranked;
  ranked.reserve(state.active().size());
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    double key = state.samples_left(id) / job.samples * requested_duration(job).value;
    if (key_ == ShortestKey::service) key *= gpus_requested(state, job);
    ranked.push_back({key, job.arrival, id});
  }
  std::ranges::sort(ranked, {}, [](const Ranked& r) { return std::tuple(r.key, r.arrival, r.id); });
  std::vector<JobId> order;
  order.reserve(ranked.size());
  for (const Ranked& r : ranked) order.push_back(r.id);
  return run_in_order(state, order);
}

}  // namespace bourse
