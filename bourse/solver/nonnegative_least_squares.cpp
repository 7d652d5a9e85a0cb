#include "bourse/solver/nonnegative_least_squares.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// Relative to columns and targets of length 1.
constexpr double kPivotTolerance = 1e-12;
/// Each round lessens the residual; rounding errors must not keep it going.
constexpr int kMaxRounds = 1000;

/// The normal equations of the scaled columns.
struct Normal {
  std::size_t size = 0;
  std::vector<double> matrix;  ///< Row-major.
  std::vector<double> right;
  std::vector<double> length;  ///< Of each column before scaling; 0 for one without entries.
  double target_length = 0;

  [[nodiscard]] double at(std::size_t i, std::size_t j) const { return matrix[i * size + j]; }
};

Normal normal_of(std::span<const LeastSquaresRow> rows, std::size_t columns) {
  Normal n{.size = columns,
           .matrix = std::vector<double>(columns * columns),
           .right = std::vector<double>(columns),
           .length = std::vector<double>(columns)};
  for (const LeastSquaresRow& row : rows) {
    BOURSE_CHECK(row.values.size() == columns);
    const double weight = row.weight * row.weight;
    n.target_length += weight * row.target * row.target;
    for (std::size_t i = 0; i < columns; ++i) {
      n.right[i] += weight * row.values[i] * row.target;
      for (std::size_t j = 0; j < columns; ++j)
        n.matrix[i * columns + j] += weight * row.values[i] * row.values[j];
    }
  }
  n.target_length = std::sqrt(n.target_length);
  for (std::size_t i = 0; i < columns; ++i) n.length[i] = std::sqrt(n.at(i, i));
  for (std::size_t i = 0; i < columns; ++i) {
    if (n.length[i] == 0 || n.target_length == 0) continue;
    n.right[i] /= n.length[i] * n.target_length;
    for (std::size_t j = 0; j < columns; ++j)
      if (n.length[j] > 0) n.matrix[i * columns + j] /= n.length[i] * n.length[j];
  }
  return n;
}

/// Solves the equations of the chosen columns by elimination with pivots; a column that is linear
/// in others gets 0.
std::vector<double> solve_on(const Normal& n, const std::vector<std::size_t>& chosen) {
  const std::size_t size = chosen.size();
  std::vector<std::vector<double>> m(size, std::vector<double>(size + 1));
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) m[i][j] = n.at(chosen[i], chosen[j]);
    m[i][size] = n.right[chosen[i]];
  }
  std::vector<bool> is_free(size, false);
  for (std::size_t k = 0; k < size; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < size; ++i)
      if (std::abs(m[i][k]) > std::abs(m[pivot][k])) pivot = i;
    std::swap(m[k], m[pivot]);
    is_free[k] = std::abs(m[k][k]) <= kPivotTolerance;
    if (is_free[k]) continue;
    for (std::size_t i = k + 1; i < size; ++i) {
      const double factor = m[i][k] / m[k][k];
      for (std::size_t j = k; j <= size; ++j) m[i][j] -= factor * m[k][j];
    }
  }
  std::vector<double> x(n.size);
  for (std::size_t k = size; k-- > 0;) {
    if (is_free[k]) continue;
    double sum = m[k][size];
    for (std::size_t j = k + 1; j < size; ++j) sum -= m[k][j] * x[chosen[j]];
    x[chosen[k]] = sum / m[k][k];
  }
  return x;
}

/// Moves from x towards `wanted` until the first chosen column reaches 0; that one is then dropped.
void step_towards(std::vector<double>& x, const std::vector<double>& wanted,
                  std::vector<std::size_t>& chosen) {
  double step = 1;
  for (const std::size_t c : chosen)
    if (wanted[c] <= 0) step = std::min(step, x[c] / std::max(x[c] - wanted[c], kPivotTolerance));
  for (const std::size_t c : chosen) x[c] += step * (wanted[c] - x[c]);
  std::erase_if(chosen, [&](std::size_t c) {
    if (wanted[c] > 0 || x[c] > kPivotTolerance) return false;
    x[c] = 0;
    return true;
  });
}

/// The column that is 0 and whose growth would lessen the residual most; n.size if there is none.
std::size_t steepest(const Normal& n, const std::vector<double>& x,
                     const std::vector<bool>& tried) {
  std::size_t best = n.size;
  double most = 1e-10;
  for (std::size_t i = 0; i < n.size; ++i) {
    if (tried[i] || x[i] > 0 || n.length[i] == 0) continue;
    double slope = n.right[i];
    for (std::size_t j = 0; j < n.size; ++j) slope -= n.at(i, j) * x[j];
    if (slope <= most) continue;
    most = slope;
    best = i;
  }
  return best;
}

}  // namespace

std::vector<double> nonnegative_least_squares(std::span<const LeastSquaresRow> rows,
                                              std::size_t columns) {
  const Normal n = normal_of(rows, columns);
  std::vector<double> x(columns);
  std::vector<std::size_t> chosen;
  std::vector<bool> tried(columns, false);  // Entered and left at once: of no use as things are.
  for (int round = 0; round < kMaxRounds; ++round) {
    const std::size_t next = steepest(n, x, tried);
    if (next == columns) break;
    chosen.push_back(next);
    while (!chosen.empty()) {
      const std::vector<double> wanted = solve_on(n, chosen);
      const bool is_inside =
          std::ranges::all_of(chosen, [&](std::size_t c) { return wanted[c] > 0; });
      if (is_inside) {
        x = wanted;
        break;
      }
      step_towards(x, wanted, chosen);
    }
    tried[next] = x[next] <= 0;
    if (x[next] > 0) tried.assign(columns, false);
  }
  for (std::size_t i = 0; i < columns; ++i)
    if (n.length[i] > 0) x[i] *= n.target_length / n.length[i];
  return x;
}

}  // namespace bourse
