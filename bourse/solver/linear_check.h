#pragma once

#include "bourse/base/error.h"
#include "bourse/solver/linear_program.h"

namespace bourse {

// Shared by the solvers behind linear_program.h.

/// Largest violation of a row or bound that a returned solution may have.
inline constexpr double kRowTolerance = 1e-6;

/// Errors: invalid_argument if an index, bound or number is not as linear_program.h says.
[[nodiscard]] Result<void> check_program(const LinearProgram& program);

/// True if some lower bound is above its upper bound: no solution exists.
[[nodiscard]] bool has_crossed_bounds(const LinearProgram& program);

/// Cost of the values, added by column.
[[nodiscard]] double cost_of(const LinearProgram& program, const std::vector<double>& values);

}  // namespace bourse
