#include "bourse/policy/job_sizes.h"

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {

ResourceVector demand_of(const JobSpec& job, TaskCounts tasks) {
  ResourceVector demand(job.worker.size());
  for (std::size_t r = 0; r < demand.size(); ++r)
    demand[r] = tasks.workers * job.worker[r] + tasks.servers * job.server[r];
  return demand;
}

double dominant_share(std::span<const Amount> demand, std::span<const Amount> total) {
  double share = 0;
  for (std::size_t r = 0; r < total.size(); ++r)
    if (total[r] > 0)
      share = std::max(share, static_cast<double>(demand[r]) / static_cast<double>(total[r]));
  return share;
}

double farthest_speed(const JobSpec& job, TaskCounts tasks) {
  for (const Locality locality : {Locality::cluster, Locality::rack, Locality::machine}) {
    const double speed = samples_per_second(job.throughput, tasks, locality);
    if (speed > 0) return speed;
  }
  return 0;
}

double declared_speed(const JobSpec& job, std::span<const TaskGroup> allocation,
                      const Cluster& cluster) {
  return samples_per_second(job.throughput, tasks_of(allocation), locality_of(allocation, cluster),
                            slowest_speed(allocation, cluster));
}

Decision changes_to(const ClusterState& state, std::vector<Allocation> wanted) {
  const std::vector<JobId>& active = state.active();
  BOURSE_CHECK(wanted.size() == active.size());
  Decision decision;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const JobState& job = state.job(active[rank]);
    if (wanted[rank] == job.allocation) {
      const bool is_new = job.since == state.now() && job.attained == Seconds(0);
      if (wanted[rank].empty() && is_new)
        decision.reasons.push_back({active[rank], ReasonCode::no_room, {}});
      continue;
    }
    const ReasonCode code = job.allocation.empty() ? ReasonCode::started
                            : wanted[rank].empty() ? ReasonCode::preempted
                                                   : ReasonCode::resized;
    decision.reasons.push_back({active[rank], code, {}});
    decision.changes.push_back({active[rank], std::move(wanted[rank])});
  }
  return decision;
}

}  // namespace bourse
