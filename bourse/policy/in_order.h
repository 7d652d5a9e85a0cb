#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "bourse/policy/demand_classes.h"
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

/// Place of an active job in the order of a policy: by the keys, smaller first, then by arrival,
/// then by id. Keys that a policy does not need are 0.
struct JobRank {
  std::array<double, 3> keys{};
  Seconds arrival{0};
  JobId id;
};

/// Runs the active jobs in the order of their ranks with the tasks they requested: each runs if it
/// fits beside those before it. Running jobs that do not are paused; others keep their machines
/// where they can (Repacking). Each job has at most one rank; who has none does not run. The walk
/// ends once nobody who is left can fit, so a long queue is hardly looked at.
/// Cost: O(jobs + jobs looked at x (log jobs + machines)).
[[nodiscard]] Decision run_by_rank(const ClusterState& state, DemandClasses& classes,
                                   std::vector<JobRank> ranks,
                                   WhenBlocked when_blocked = WhenBlocked::skip);

/// The same in the order in which they wait, longest first, then the running ones of `last`.
[[nodiscard]] Decision run_waiting_first(const ClusterState& state, DemandClasses& classes,
                                         std::span<const JobId> last);

/// Starts those of the waiting jobs, with the tasks they requested, that fit what is free, who has
/// waited longest first; running jobs stay as they are. Cost: O(jobs + jobs looked at x machines).
[[nodiscard]] Decision start_waiting(const ClusterState& state, DemandClasses& classes);

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
