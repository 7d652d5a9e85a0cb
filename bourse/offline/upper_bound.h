#pragma once

#include <cstddef>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/model/workload.h"
#include "bourse/offline/dual.h"

namespace bourse {

/// A machine is not there from `from` until `to`.
struct CapacityLoss {
  MachineId machine;
  Seconds from{0};
  Seconds to{0};  ///< > from; kForever: for good.
};

struct UpperBoundOptions {
  /// Length of a cell of time. 0: the slot of the instance, or for exact times a length with which
  /// the arrivals span a few hundred cells. Shorter is tighter and slower.
  Seconds cell{0};
  std::vector<CapacityLoss> losses{};  ///< Of one machine do not overlap; any order.
  DualOptions dual{};
};

/// What no scheduler can exceed, and how it was found.
struct UpperBound {
  double utility = 0;     ///< Proven: no schedule of the instance earns more in total.
  double unhindered = 0;  ///< Sum over jobs of the utility if each had the cluster to itself.
  std::vector<Seconds> times{};  ///< Boundaries of the cells.
  CellTable capacity{};          ///< What is up in each cell, Amounts, mean over the cell.
  DualSolution dual{};
};

/// Bounds the total utility of every schedule of the instance, clairvoyant ones included: those
/// that know all jobs, failures and true speeds, stop, move and resize jobs at any instant and for
/// free. It is the dual (dual.h) over cells of time, and never above `unhindered`.
///
/// Cells. In slotted time a cell is a slot, or several equal ones where there are more than some
/// thousand. In exact time cells are equal until the last arrival, and then each is a tenth longer
/// than the one before. The end is the horizon; without one, after enough time to run all work
/// twice, an open end. Longer cells keep the bound valid. Proof: let S be a schedule. In a cell,
/// let each job hold the mean of what it holds in S. These means keep within the mean capacity of
/// the cell; they train as much as S does, since a mean of allocations is a mix of points of the
/// job's hull; and a job that S completes at time x in the cell has all of its work done by the end
/// of the cell, where the bound credits the utility of the earliest instant of the cell (of the
/// first slot of it, in slotted time) or of the job's own earliest completion, whichever is later.
/// That instant is <= x, and utilities do not increase. A job that arrives inside a cell gets the
/// rest of the cell.
/// Failures: what is down is missing from the mean capacity.
///
/// Errors: none; an instance without jobs has the bound 0.
/// Cost: max_evaluations x (jobs x cells they look at), see solve_dual.
[[nodiscard]] UpperBound upper_bound(const Instance& instance,
                                     const UpperBoundOptions& options = {});

/// Rounding that a sum of as many utilities may show against the bound: a run is beaten only by
/// more than this. 1e-9 of the bound, and 1e-9.
[[nodiscard]] double bound_tolerance(double bound);

}  // namespace bourse
