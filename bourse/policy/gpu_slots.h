#pragma once

#include <cstddef>

#include "bourse/policy/placement.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/state.h"

namespace bourse {

// For policies that count in whole GPUs, or whole units of the first resource if there are none.

/// Index of that resource.
[[nodiscard]] std::size_t slot_resource(const Cluster& cluster);

/// GPUs that one worker takes; at least 1, part of one counts as a whole one.
[[nodiscard]] int gpus_per_worker(const Cluster& cluster, const JobSpec& job);

/// GPUs of a machine; 0 while it is down.
[[nodiscard]] int gpus_on(const ClusterState& state, MachineId machine);

/// The job at `workers` workers, or their half, quarter, ..., or its smallest size: the first of
/// these that fits; empty if none does.
[[nodiscard]] Allocation place_shrinking(const FreeCapacity& free, const JobSpec& job, int workers);

/// The decision with the best batch for every adaptive job on the machines that it gets.
[[nodiscard]] Decision with_best_batches(const ClusterState& state, Decision decision);

}  // namespace bourse
