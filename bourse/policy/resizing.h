#pragma once

#include "bourse/policy/placement.h"

namespace bourse {

/// What is left of an allocation when the job keeps only `tasks`: tasks go from the machines where
/// it has the fewest of their role, ties from the last machine. Requires that it holds as many.
[[nodiscard]] Allocation shrunk(const Allocation& held, TaskCounts tasks);

/// The allocation with more tasks, size by size up to `workers` workers and their servers: each
/// task goes to a machine of the job with room, else to the tightest machine with room. Ends with
/// the last size that fits and makes progress. `held` has been given back to `free`.
/// Cost: O(tasks added x machines).
[[nodiscard]] Allocation grown(FreeCapacity& free, const JobSpec& job, const Allocation& held,
                               int workers);

}  // namespace bourse
