#pragma once

#include <span>

#include "bourse/solver/linear_program.h"
#include "bourse/solver/slot_core.h"

namespace bourse {

/// The linear programme of SlotCore written out for a generic solver, its oracle in tests and
/// benchmarks: one column a corner of a class, counting machines; one row a class, and the two
/// covers. Costs are scaled by `scale`, since the tolerances of solvers are absolute.
[[nodiscard]] LinearProgram slot_hull_program(std::span<const CoreClass> classes, int workers,
                                              int servers, double scale);

/// The whole problem instead: integer workers and servers on every machine of every class, for
/// branch and bound.
[[nodiscard]] LinearProgram slot_integer_program(std::span<const CoreClass> classes,
                                                 const SlotDemand& demand, int workers,
                                                 int servers);

}  // namespace bourse
