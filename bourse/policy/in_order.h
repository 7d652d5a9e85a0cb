#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bourse/policy/policy.h"

// What policies share that give jobs the tasks they requested, in some order.
namespace bourse {

/// The tasks that a policy of fixed sizes gives the job.
[[nodiscard]] TaskCounts requested_tasks(const JobSpec& job);

/// GPUs of the tasks requested; a job without GPU demand counts one a worker.
[[nodiscard]] double gpus_requested(const ClusterState& state, const JobSpec& job);

/// Time held by now, over all its allocations.
[[nodiscard]] Seconds time_held(const ClusterState& state, JobId id);

/// What happens to the jobs behind one that does not fit.
enum class WhenBlocked : std::uint8_t {
  skip,   ///< They run if they fit.
  block,  ///< They wait; running ones among them are paused.
};

/// Runs the active jobs in this order with the tasks they requested: each runs if it fits beside
/// those before it. Running jobs that do not are paused; others keep their machines where they can
/// (Repacking). `order` names active jobs, each at most once; who is not named does not run.
/// Cost: O(jobs x machines).
[[nodiscard]] Decision run_in_order(const ClusterState& state, std::span<const JobId> order,
                                    WhenBlocked when_blocked = WhenBlocked::skip);

/// Starts those of the waiting jobs of `order`, with the tasks they requested, that fit what is
/// free; running jobs stay as they are. Cost: O(jobs x machines).
[[nodiscard]] Decision start_in_order(const ClusterState& state, std::span<const JobId> order);

/// Waiting jobs, the one that waits longest first; ties by arrival, then id.
[[nodiscard]] std::vector<JobId> waiting_longest_first(const ClusterState& state);

/// The longest restart that the decision makes a job pay; 0 if none. Policies with time slices add
/// it to the slice: else jobs whose restart is longer than a slice would never get on.
[[nodiscard]] Seconds longest_restart(const ClusterState& state, const Decision& decision);

/// Jobs that wait once the decision is taken.
[[nodiscard]] std::size_t waiting_after(const ClusterState& state, const Decision& decision);

/// Starts the job that arrives if it is the only one that waits and it fits: whatever the order,
/// all run. Nothing if that is not so.
[[nodiscard]] std::optional<Decision> start_lone_newcomer(const ClusterState& state,
                                                          const Event& event);

}  // namespace bourse
