#pragma once

#include <utility>
#include <vector>

#include "bourse/policy/policy.h"

namespace bourse::testing {

/// A cluster and its jobs, on which the decisions of a policy come true at once.
struct Scene {
  Cluster cluster;
  std::vector<JobSpec> jobs;
  ClusterState state{cluster, jobs};

  Scene(Cluster c, std::vector<JobSpec> j) : cluster(std::move(c)), jobs(std::move(j)) {}

  Decision arrive(Policy& policy, std::size_t job) {
    state.arrive(JobId(job));
    return tell(policy, {.kind = EventKind::arrival, .job = JobId(job)});
  }
  void arrive_all(Policy& policy) {
    for (std::size_t job = 0; job < jobs.size(); ++job) (void)arrive(policy, job);
  }
  Decision wake(Policy& policy, double at) {
    state.set_now(Seconds(at));
    return tell(policy, {.kind = EventKind::wake});
  }
  [[nodiscard]] const Allocation& held(std::size_t job) const {
    return state.job(JobId(job)).allocation;
  }
  [[nodiscard]] TaskCounts tasks(std::size_t job) const { return tasks_of(held(job)); }

 private:
  /// Makes the state what the decision says, releases first; a worker trains a sample a second.
  Decision tell(Policy& policy, const Event& event) {
    Decision decision = policy.decide(state, event);
    for (const Change& change : decision.changes) state.allocate(change.job, {}, 0, Seconds(0));
    for (const Change& change : decision.changes)
      if (!change.allocation.empty())
        state.allocate(change.job, change.allocation, tasks_of(change.allocation).workers,
                       Seconds(0));
    for (const JobId id : decision.declined) state.leave(id, JobStatus::declined);
    return decision;
  }
};

}  // namespace bourse::testing
