#pragma once

#include <span>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/model/cluster.h"
#include "bourse/model/throughput.h"

namespace bourse {

/// Tasks of one job on one machine.
struct TaskGroup {
  MachineId machine;
  int workers = 0;
  int servers = 0;
  friend bool operator==(const TaskGroup&, const TaskGroup&) = default;
};

/// All tasks of a job, ordered by machine, one group a machine, no empty group. Empty: not running.
using Allocation = std::vector<TaskGroup>;

/// Workers and servers over all machines.
[[nodiscard]] TaskCounts tasks_of(std::span<const TaskGroup> allocation);

/// How far apart the tasks are. An empty allocation is on one machine.
[[nodiscard]] Locality locality_of(std::span<const TaskGroup> allocation, const Cluster& cluster);

/// Speed of the slowest machine with a worker; 1 for an empty allocation.
[[nodiscard]] double slowest_speed(std::span<const TaskGroup> allocation, const Cluster& cluster);

/// Sorts by machine, joins groups of one machine, drops empty ones.
void normalize(Allocation& allocation);

}  // namespace bourse
