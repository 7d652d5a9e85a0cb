#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace bourse {

/// Rows of a linear model: sum over columns of row[c] x[c] should be `target`.
struct LeastSquaresRow {
  std::vector<double> values;  ///< One a column.
  double target = 0;
  double weight = 1;  ///< The residual counts this much; >= 0.
};

/// The x >= 0 with the least sum of squared weighted residuals. Columns that are linear in others
/// may stay 0. Requires that every row has `columns` values.
/// Source: Lawson and Hanson, Solving Least Squares Problems, 1974, algorithm NNLS; on normal
/// equations with columns scaled to length 1, so it is meant for a handful of columns.
/// Cost: O(rows columns^2 + columns^4) at most, in practice a few solves of a small system.
[[nodiscard]] std::vector<double> nonnegative_least_squares(std::span<const LeastSquaresRow> rows,
                                                            std::size_t columns);

}  // namespace bourse
