#pragma once

#include <cstdint>
#include <vector>

#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/offline/shapes.h"

namespace bourse {

// How a job can run when identical machines count as one large machine: what the dual bound
// (dual.h) searches over. Shared by dual.cpp and relaxed_job.cpp.

/// Machines by kind, so that looking at a job does not look at every machine.
struct ClusterSummary {
  const Cluster* cluster = nullptr;
  std::vector<std::int64_t> machines;            ///< By class.
  std::vector<std::vector<std::int64_t>> racks;  ///< Of each distinct rack, machines by class.
  Locality widest = Locality::machine;           ///< Of two tasks as far apart as possible.
};

[[nodiscard]] ClusterSummary summary_of(const Cluster& cluster);

/// Allocations whose workers may stand on machines of some classes and servers on those of others.
struct RelaxedOption {
  std::vector<std::uint32_t> worker_classes;
  std::vector<std::uint32_t> server_classes;
};

/// So many tasks under an option, and the speed that they reach.
struct RelaxedPoint {
  std::uint32_t option = 0;  ///< Into RelaxedShape::options.
  Config tasks;
};

struct RelaxedShape {
  std::vector<RelaxedOption> options;
  /// By increasing rate. For every allocation on the empty cluster there is a mix of these points
  /// (and of running nothing) that trains as fast, in an option that allows its machines, with no
  /// more tasks of either role.
  std::vector<RelaxedPoint> points;
  double fastest = 0;  ///< Largest rate; 0 if the job cannot run.
};

/// Options: one machine of each class; one rack and the whole cluster, for every speed that its
/// slowest machine with a worker may have. Cost: O(options x workers).
[[nodiscard]] RelaxedShape relaxed_shape(const JobSpec& job, const ClusterSummary& summary);

}  // namespace bourse
