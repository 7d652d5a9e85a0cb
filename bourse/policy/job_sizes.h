#pragma once

#include <span>
#include <vector>

#include "bourse/model/job.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// So many workers with the servers they need.
[[nodiscard]] inline TaskCounts bundle(const JobSpec& job, int workers) {
  return {workers, servers_for(job.throughput, workers)};
}

/// Demand of all these tasks together.
[[nodiscard]] ResourceVector demand_of(const JobSpec& job, TaskCounts tasks);

/// Largest part that `demand` takes of any resource of `total`; a resource of which there is none
/// does not count.
[[nodiscard]] double dominant_share(std::span<const Amount> demand, std::span<const Amount> total);

/// Declared speed at the farthest locality at which these tasks make progress at all; 0 if there is
/// none.
[[nodiscard]] double farthest_speed(const JobSpec& job, TaskCounts tasks);

/// Declared speed of an allocation on its machines.
[[nodiscard]] double declared_speed(const JobSpec& job, std::span<const TaskGroup> allocation,
                                    const Cluster& cluster);

/// The differences between what runs and what is wanted, with a reason for each, for every active
/// job; `wanted` has one allocation for each of state.active(), in that order. Jobs that came just
/// now and wait get a reason too.
[[nodiscard]] Decision changes_to(const ClusterState& state, std::vector<Allocation> wanted);

}  // namespace bourse
