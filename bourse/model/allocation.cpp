#include "bourse/model/allocation.h"

#include <algorithm>
#include <limits>

namespace bourse {

TaskCounts tasks_of(std::span<const TaskGroup> allocation) {
  TaskCounts counts;
  for (const TaskGroup& group : allocation) {
    counts.workers += group.workers;
    counts.servers += group.servers;
  }
  return counts;
}

Locality locality_of(std::span<const TaskGroup> allocation, const Cluster& cluster) {
  if (allocation.size() <= 1) return Locality::machine;
  const auto rack_of = [&](const TaskGroup& group) {
    return cluster.machines[group.machine.index()].rack;
  };
  const bool one_rack = std::ranges::all_of(
      allocation, [&](const TaskGroup& g) { return rack_of(g) == rack_of(allocation.front()); });
  return one_rack ? Locality::rack : Locality::cluster;
}

double slowest_speed(std::span<const TaskGroup> allocation, const Cluster& cluster) {
  double slowest = std::numeric_limits<double>::infinity();
  for (const TaskGroup& group : allocation)
    if (group.workers > 0) slowest = std::min(slowest, cluster.class_of(group.machine).speed);
  return allocation.empty() || slowest == std::numeric_limits<double>::infinity() ? 1 : slowest;
}

void normalize(Allocation& allocation) {
  std::ranges::sort(allocation, {}, &TaskGroup::machine);  // equal machines are summed
  Allocation merged;
  for (const TaskGroup& group : allocation) {
    if (group.workers == 0 && group.servers == 0) continue;
    if (!merged.empty() && merged.back().machine == group.machine) {
      merged.back().workers += group.workers;
      merged.back().servers += group.servers;
    } else {
      merged.push_back(group);
    }
  }
  allocation = std::move(merged);
}

}  // namespace bourse
