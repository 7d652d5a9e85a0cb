#pragma once

#include <cstddef>
#include <cstdint>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/offline/schedule.h"

namespace bourse {

struct OptimumOptions {
  Seconds slot{0};               ///< Length of a slot where the instance has none; then > 0.
  double gap = 1e-6;             ///< Stop within this share of the optimum.
  double time_limit_s = 60;      ///< Processor time; answers that hit it may differ between runs.
  std::int64_t node_limit = -1;  ///< Nodes of the search, -1 for no limit; the repeatable limit.
  std::size_t max_columns = 200'000;  ///< Larger programs are refused.
};

/// The best that a scheduler who knows all jobs in advance can do.
struct Optimum {
  double utility = 0;       ///< Of `schedule`, as check_schedule counts it.
  double bound = 0;         ///< Proven: no schedule of the slotted model earns more.
  bool proven = false;      ///< True if `schedule` is optimal within the gap.
  std::size_t columns = 0;  ///< Variables of the program that was solved.
  Schedule schedule;        ///< Checked by check_schedule.
};

/// The offline optimum of a small instance as a mixed-integer program, solved by CBC.
///
/// Model (PD-ORS, section 1): in every slot a job holds whole workers and servers within the
/// machines' capacities; what it holds may change freely from slot to slot, without restart cost. A
/// job uses slots that start at its arrival or later and end by the horizon, and earns
/// utility_in_slot. Parameter servers, rings, gangs and tables train as samples_per_second says,
/// with racks and machine speeds. Where the instance has exact times, the answer is the optimum of
/// this slotted model, with utilities rounded up to the start of the slot.
///
/// Errors: invalid_argument if the horizon is infinite or there is no slot length;
/// resource_exhausted if the program would have more than max_columns variables; internal if CBC
/// gives up.
/// Cost: exponential in the worst case. Measured on jobs of the paper's sizes: four jobs on two
/// machines over five slots mostly below a second, six jobs on four machines over eight slots
/// mostly stop at the time limit; `bound` holds all the same.
[[nodiscard]] Result<Optimum> optimum(const Instance& instance, const OptimumOptions& options = {});

}  // namespace bourse
