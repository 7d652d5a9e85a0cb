#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// A bound that does not bind.
inline constexpr double kNoBound = std::numeric_limits<double>::infinity();

/// A variable of a linear program.
struct LinearColumn {
  double cost = 0;   ///< Finite.
  double lower = 0;  ///< May be -kNoBound.
  double upper = kNoBound;
  bool integer = false;  ///< Only make_cbc_solver respects it.
  int priority = 1;      ///< Branch and bound decides integer columns of a lower number first.
};

/// One coefficient of a row.
struct LinearEntry {
  std::size_t column = 0;
  double value = 0;  ///< Finite.
};

/// lower <= sum of entries <= upper.
struct LinearRow {
  std::vector<LinearEntry> entries{};  ///< At most one a column, in any order.
  double lower = -kNoBound;
  double upper = kNoBound;
};

/// Minimise the cost of the columns subject to the rows and the bounds of the columns.
struct LinearProgram {
  std::vector<LinearColumn> columns;
  std::vector<LinearRow> rows;

  /// Adds a variable and returns its index.
  std::size_t add_column(LinearColumn column);
  /// Adds a constraint and returns its index.
  std::size_t add_row(LinearRow row);
};

/// How a solve ended. None of them is an error: "infeasible" is an answer.
enum class SolveStatus {
  optimal,     ///< The solution is within the asked gap of the best.
  feasible,    ///< A limit was reached; the solution satisfies everything but may not be best.
  infeasible,  ///< No solution exists.
  unbounded,   ///< The cost has no lower limit.
  limit,       ///< A limit was reached before any solution was found.
};

struct LinearSolution {
  std::vector<double> values;  ///< One a column; whole numbers exactly where the column is integer.
  double objective = 0;        ///< Cost of `values`.
  double bound = -kNoBound;    ///< Proven: no solution costs less (up to the solver's tolerance).
};

struct SolveOutcome {
  SolveStatus status = SolveStatus::limit;
  LinearSolution solution;  ///< `values` is empty unless has_solution().

  [[nodiscard]] bool has_solution() const {
    return status == SolveStatus::optimal || status == SolveStatus::feasible;
  }
};

/// Solves linear programs. Silent and deterministic; one object is for one thread at a time.
class LinearSolver {
 public:
  virtual ~LinearSolver() = default;
  /// A returned solution was checked against the program's rows and bounds by us.
  /// Errors: invalid_argument if the program is malformed (the message says where); internal if the
  /// solver gave up for numerical reasons or its answer does not satisfy the rows.
  [[nodiscard]] virtual Result<SolveOutcome> solve(const LinearProgram& program) = 0;
};

/// Simplex by COIN-OR CLP. Integer flags are ignored: it solves the relaxation.
[[nodiscard]] std::unique_ptr<LinearSolver> make_clp_solver();

struct CbcOptions {
  double gap = 1e-9;             ///< Stop when within this share of the best; 0 is exact.
  double time_limit_s = 60;      ///< Processor time; answers that hit it may differ between runs.
  std::int64_t node_limit = -1;  ///< Nodes of the tree, -1 for no limit; the repeatable limit.
};

/// Branch and bound by COIN-OR CBC, one thread, fixed seeds.
[[nodiscard]] std::unique_ptr<LinearSolver> make_cbc_solver(const CbcOptions& options = {});

/// The largest amount by which `values` break a row or a bound of the program, measured relative to
/// the size of the row's terms (at least 1). 0 if everything holds.
[[nodiscard]] double violation(const LinearProgram& program, const std::vector<double>& values);

}  // namespace bourse
