#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bourse/solver/slot_problem.h"

namespace bourse {

/// Whole tasks on one machine.
struct TaskPoint {
  int workers = 0;
  int servers = 0;
  friend bool operator==(TaskPoint, TaskPoint) = default;
};

/// The integer hull of what one machine can hold,
///   conv { (w, s) whole : alpha w + beta s <= residual, 0 <= w <= W, 0 <= s <= S },
/// as its corners, against the clock from (0, 0) by way of the most workers to the most servers.
/// No three corners lie on a line. With (w, s) it holds every point with fewer tasks, and its whole
/// points are exactly the placements that fit. Empty if nothing is possible (a residual < 0).
/// Cost: O(min(most workers, most servers) x resources).
[[nodiscard]] std::vector<TaskPoint> task_polygon(const SlotDemand& demand,
                                                  std::span<const std::int64_t> residual,
                                                  int workers, int servers);

/// The most workers, up to `limit`, that fit beside so many servers; -1 if the servers do not fit.
[[nodiscard]] int workers_beside(const SlotDemand& demand, std::span<const std::int64_t> residual,
                                 int servers, int limit);

}  // namespace bourse
