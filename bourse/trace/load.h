#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/model/cluster.h"
#include "bourse/model/workload.h"
#include "bourse/trace/trace.h"

namespace bourse {

/// What the jobs ask of one resource, against what the cluster has.
struct ResourceLoad {
  std::string name;
  ResourceKind kind = ResourceKind::count;
  Amount capacity = 0;  ///< Of the cluster; 0 if it lacks the resource.
  Amount peak = 0;      ///< Most in use at once if every job started when it arrived.
  /// Demand x duration over all jobs, over capacity x span. 1: the cluster can just do it.
  /// Infinite if the cluster lacks a resource that is asked for.
  double load = 0;
};

struct ClusterLoad {
  Seconds span{0};                      ///< Time over which the work is offered; see load_on().
  std::vector<ResourceLoad> resources;  ///< Those of the workload, in its order.
  std::uint64_t too_large = 0;          ///< Jobs that request more than the whole cluster has.
  std::uint64_t without_progress = 0;   ///< Jobs whose requested tasks never finish; not counted.
};

/// How much of a cluster the jobs would use with their requested tasks on machines of speed 1. The
/// span is the horizon if there is one, else the time from the first to the last arrival; if all
/// arrive at once, the longest duration.
/// Cost: O(n log n).
[[nodiscard]] ClusterLoad load_on(const Workload& workload, const Cluster& cluster);

/// What was read and skipped, as lines of at most 100 columns.
[[nodiscard]] std::string check_text(const TraceRead& read);
/// The load, as a table of at most 100 columns.
[[nodiscard]] std::string load_text(const ClusterLoad& load);

}  // namespace bourse
