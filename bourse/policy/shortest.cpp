#include "bourse/policy/shortest.h"

#include <algorithm>
#include <tuple>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/repacking.h"

namespace bourse {
namespace {

TaskCounts requested(const JobSpec& job) { return {job.requested_workers, job.requested_servers}; }

double gpus_requested(const ClusterState& state, const JobSpec& job) {
  const auto gpu = state.cluster().types.find("gpu");
  const Amount each = gpu ? job.worker[*gpu] : 0;
  return each == 0 ? job.requested_workers
                   : static_cast<double>(each * job.requested_workers) / kAmountsPerUnit;
}

struct Ranked {
  double key;
  Seconds arrival;
  JobId id;
};

}  // namespace

Decision ShortestPolicy::decide(const ClusterState& state, const Event& event) {
  if (state.waiting_count() == 0) return {};
  if (state.waiting_count() == 1 && event.kind == EventKind::arrival) {
    const JobSpec& job = state.spec(event.job);
    if (auto placed = place(state, job, requested(job))) {
      Decision decision;
      decision.changes.push_back({event.job, std::move(*placed)});
      decision.reasons.push_back({event.job, ReasonCode::started, {}});
      return decision;
    }
  }
  std::vector<Ranked> ranked;
  ranked.reserve(state.active().size());
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    double key = state.samples_left(id) / job.samples * requested_duration(job).value;
    if (key_ == ShortestKey::service) key *= gpus_requested(state, job);
    ranked.push_back({key, job.arrival, id});
  }
  std::ranges::sort(ranked, {}, [](const Ranked& r) { return std::tuple(r.key, r.arrival, r.id); });
  Repacking repacking(state);
  FailedDemands failed;
  for (const Ranked& r : ranked) {
    const JobSpec& job = state.spec(r.id);
    const bool runs = state.job(r.id).status == JobStatus::running;
    if (!runs && failed.covers(job, requested(job))) continue;
    if (!repacking.try_run(r.id, requested(job))) failed.add(job, requested(job));
  }
  return repacking.decision();
}

}  // namespace bourse
