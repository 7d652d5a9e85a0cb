#pragma once

#include <string>
#include <vector>

#include "bourse/model/workload.h"

namespace bourse {

/// The same jobs in less time: every arrival and the horizon are divided by `load` (> 0).
[[nodiscard]] Instance at_load(Instance instance, double load);

/// `times` as many machines (>= 1), racks repeated too.
[[nodiscard]] Cluster enlarged(const Cluster& cluster, int times);

/// `times` as many machines and jobs (>= 1): each job is followed by its copies, spread evenly
/// until the next arrival, so that the load per machine stays.
[[nodiscard]] Instance enlarged(const Instance& instance, int times);

/// The jobs of one group.
struct GroupInstance {
  std::string group;  ///< May be empty.
  Instance instance;
};

/// One instance for each group, by name. Times are counted from the first arrival of the group; if
/// time is slotted, from the begin of that slot.
[[nodiscard]] std::vector<GroupInstance> by_group(const Instance& instance);

}  // namespace bourse
