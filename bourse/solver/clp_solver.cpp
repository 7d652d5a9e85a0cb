#include <ClpSimplex.hpp>
#include <CoinPackedMatrix.hpp>
#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/solver/linear_check.h"
#include "bourse/solver/linear_program.h"

namespace bourse {
namespace {

double clp_bound(double bound) {
  if (bound == kNoBound) return COIN_DBL_MAX;
  return bound == -kNoBound ? -COIN_DBL_MAX : bound;
}

CoinPackedMatrix matrix_of(const LinearProgram& program) {
  std::vector<int> row_of;
  std::vector<int> column_of;
  std::vector<double> value_of;
  for (std::size_t r = 0; r < program.rows.size(); ++r)
    for (const LinearEntry& entry : program.rows[r].entries) {
      if (entry.value == 0) continue;
      row_of.push_back(static_cast<int>(r));
      column_of.push_back(static_cast<int>(entry.column));
      value_of.push_back(entry.value);
    }
  CoinPackedMatrix matrix(true, row_of.data(), column_of.data(), value_of.data(),
                          static_cast<CoinBigIndex>(value_of.size()));
  matrix.setDimensions(static_cast<int>(program.rows.size()),
                       static_cast<int>(program.columns.size()));
  return matrix;
}

void load(ClpSimplex& model, const LinearProgram& program) {
  std::vector<double> lower, upper, cost, row_lower, row_upper;
  for (const LinearColumn& column : program.columns) {
    lower.push_back(clp_bound(column.lower));
    upper.push_back(clp_bound(column.upper));
    cost.push_back(column.cost);
  }
  for (const LinearRow& row : program.rows) {
    row_lower.push_back(clp_bound(row.lower));
    row_upper.push_back(clp_bound(row.upper));
  }
  model.setLogLevel(0);
  model.loadProblem(matrix_of(program), lower.data(), upper.data(), cost.data(), row_lower.data(),
                    row_upper.data());
  model.setOptimizationDirection(1);
}

/// Values within the columns' bounds: the simplex leaves them by up to its tolerance.
std::vector<double> values_of(const ClpSimplex& model, const LinearProgram& program) {
  const double* solution = model.primalColumnSolution();
  std::vector<double> values(program.columns.size());
  for (std::size_t c = 0; c < values.size(); ++c)
    values[c] = std::clamp(solution[c], program.columns[c].lower, program.columns[c].upper);
  return values;
}

class ClpSolver final : public LinearSolver {
 public:
  Result<SolveOutcome> solve(const LinearProgram& program) override {
    BOURSE_TRY_VOID(check_program(program));
    SolveOutcome outcome;
    outcome.status = SolveStatus::infeasible;
    if (has_crossed_bounds(program)) return outcome;
    ClpSimplex model;
    load(model, program);
    model.dual();
    if (model.isProvenPrimalInfeasible()) return outcome;
    if (model.status() != 0) model.primal();  // tells unbounded from infeasible, ends stalls
    if (model.isProvenPrimalInfeasible()) return outcome;
    if (model.isProvenDualInfeasible()) {
      outcome.status = SolveStatus::unbounded;
      return outcome;
    }
    if (model.status() != 0)
      return fail(ErrorCode::internal, "the simplex method gave up on the linear program");
    outcome.status = SolveStatus::optimal;
    outcome.solution.values = values_of(model, program);
    outcome.solution.objective = cost_of(program, outcome.solution.values);
    outcome.solution.bound = outcome.solution.objective;
    if (violation(program, outcome.solution.values) > kRowTolerance)
      return fail(ErrorCode::internal, "the answer of the simplex method breaks a row");
    return outcome;
  }
};

}  // namespace

std::unique_ptr<LinearSolver> make_clp_solver() { return std::make_unique<ClpSolver>(); }

}  // namespace bourse
