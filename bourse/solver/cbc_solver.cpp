#include <CbcHeuristic.hpp>
#include <CbcHeuristicDiveCoefficient.hpp>
#include <CbcHeuristicFPump.hpp>
#include <CbcHeuristicRINS.hpp>
#include <CbcModel.hpp>
#include <CglClique.hpp>
#include <CglGomory.hpp>
#include <CglKnapsackCover.hpp>
#include <CglMixedIntegerRounding2.hpp>
#include <CglProbing.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "bourse/solver/linear_check.h"
#include "bourse/solver/linear_program.h"

namespace bourse {
namespace {

double cbc_bound(double bound) { return std::clamp(bound, -COIN_DBL_MAX, COIN_DBL_MAX); }

/// The program as CBC wants it, with every message off.
OsiClpSolverInterface interface_of(const LinearProgram& program) {
  OsiClpSolverInterface osi;
  osi.messageHandler()->setLogLevel(0);
  osi.setHintParam(OsiDoReducePrint, true, OsiHintTry);
  std::vector<int> rows, columns;
  std::vector<double> values, lower, upper, cost, row_lower, row_upper;
  for (const LinearColumn& column : program.columns) {
    lower.push_back(cbc_bound(column.lower));
    upper.push_back(cbc_bound(column.upper));
    cost.push_back(column.cost);
  }
  for (std::size_t r = 0; r < program.rows.size(); ++r) {
    row_lower.push_back(cbc_bound(program.rows[r].lower));
    row_upper.push_back(cbc_bound(program.rows[r].upper));
    for (const LinearEntry& entry : program.rows[r].entries) {
      if (entry.value == 0) continue;
      rows.push_back(static_cast<int>(r));
      columns.push_back(static_cast<int>(entry.column));
      values.push_back(entry.value);
    }
  }
  CoinPackedMatrix matrix(true, rows.data(), columns.data(), values.data(),
                          static_cast<CoinBigIndex>(values.size()));
  matrix.setDimensions(static_cast<int>(row_lower.size()), static_cast<int>(cost.size()));
  osi.loadProblem(matrix, lower.data(), upper.data(), cost.data(), row_lower.data(),
                  row_upper.data());
  for (std::size_t c = 0; c < program.columns.size(); ++c)
    if (program.columns[c].integer) osi.setInteger(static_cast<int>(c));
  return osi;
}

/// CbcModel and not the ready-made driver (CbcMain, the C interface): with version 2.10.8 the
/// driver lost solutions in its integer preprocessing (min 7 x - y + 2 z, 2 x - 3 y + 3 z >= 11, x
/// + y >= z, whole in [0, 3] came back as 26 at (3, 1, 3), while (3, 0, 2) costs 25) and aborted in
/// OsiClpSolverInterface::crunch without it.
void configure(CbcModel& model, const CbcOptions& options, bool plain) {
  model.setLogLevel(0);
  model.setRandomSeed(1);
  model.setUseElapsedTime(false);
  model.setMaximumSeconds(options.time_limit_s);
  if (options.node_limit >= 0)
    model.setMaximumNodes(static_cast<int>(std::min<std::int64_t>(options.node_limit, 1 << 30)));
  model.setAllowableFractionGap(options.gap);
  model.setAllowableGap(0);
  model.setIntegerTolerance(1e-7);
  model.setDblParam(CbcModel::CbcCutoffIncrement, 1e-9);
  if (plain) return;
  CglProbing probing;
  probing.setUsingObjective(1);
  CglGomory gomory;
  CglKnapsackCover knapsack;
  CglMixedIntegerRounding2 rounding;
  CglClique clique;
  clique.setStarCliqueReport(false);
  clique.setRowCliqueReport(false);
  // -1: at the root, then only if the cuts helped there.
  model.addCutGenerator(&probing, -1, "probing");
  model.addCutGenerator(&gomory, -1, "gomory");
  model.addCutGenerator(&knapsack, -1, "knapsack");
  model.addCutGenerator(&rounding, -1, "rounding");
  model.addCutGenerator(&clique, -1, "clique");
  CbcRounding nearest(model);
  model.addHeuristic(&nearest);
  CbcHeuristicFPump pump(model);
  pump.setMaximumPasses(20);
  model.addHeuristic(&pump);
  CbcHeuristicDiveCoefficient dive(model);
  dive.setWhen(3);
  model.addHeuristic(&dive);
  CbcHeuristicRINS neighbours(model);
  model.addHeuristic(&neighbours);
}

void set_priorities(CbcModel& model, const LinearProgram& program) {
  std::vector<int> priorities;
  for (const LinearColumn& column : program.columns)
    if (column.integer) priorities.push_back(column.priority);
  model.passInPriorities(priorities.data(), false);
}

/// Whole numbers exactly, and the other columns solved again for them: CBC's own values are good
/// only up to its tolerances. Nothing if the rounded values are not feasible.
std::optional<std::vector<double>> polished(const LinearProgram& program, const double* values,
                                            LinearSolver& relaxation) {
  LinearProgram fixed = program;
  std::vector<double> exact(program.columns.size());
  bool all_whole = true;
  for (std::size_t c = 0; c < exact.size(); ++c) {
    LinearColumn& column = fixed.columns[c];
    exact[c] = column.integer ? std::round(values[c]) : values[c];
    if (!column.integer) {
      all_whole = false;
      continue;
    }
    if (exact[c] < column.lower || exact[c] > column.upper) return std::nullopt;
    column.lower = column.upper = exact[c];
  }
  if (all_whole)
    return violation(program, exact) <= kRowTolerance ? std::optional(exact) : std::nullopt;
  Result<SolveOutcome> outcome = relaxation.solve(fixed);
  if (!outcome || outcome->status != SolveStatus::optimal) return std::nullopt;
  return std::move(outcome->solution.values);
}

class CbcSolver final : public LinearSolver {
 public:
  explicit CbcSolver(const CbcOptions& options) : options_(options), clp_(make_clp_solver()) {}

  Result<SolveOutcome> solve(const LinearProgram& program) override {
    // The relaxation decides the easy ends, and its bound holds whenever CBC has none.
    BOURSE_TRY(SolveOutcome relaxed, clp_->solve(program));
    if (relaxed.status != SolveStatus::optimal) return relaxed;
    if (is_whole(program, relaxed.solution.values)) return relaxed;
    Result<SolveOutcome> outcome = branch(program, relaxed.solution.bound, false);
    return outcome ? outcome : branch(program, relaxed.solution.bound, true);
  }

 private:
  static bool is_whole(const LinearProgram& program, const std::vector<double>& values) {
    for (std::size_t c = 0; c < values.size(); ++c)
      if (program.columns[c].integer && values[c] != std::round(values[c])) return false;
    return true;
  }

  /// One run of CBC; the second attempt goes without the parts that transform the program.
  Result<SolveOutcome> branch(const LinearProgram& program, double lp_bound, bool plain) {
    const OsiClpSolverInterface osi = interface_of(program);
    CbcModel model(osi);
    configure(model, options_, plain);
    set_priorities(model, program);
    model.initialSolve();
    model.branchAndBound();
    SolveOutcome outcome;
    outcome.solution.bound = lp_bound;
    const bool limited = model.isSecondsLimitReached() || model.isNodeLimitReached();
    const double* best = model.bestSolution();
    if (best == nullptr) {
      if (!limited && !model.isProvenInfeasible())
        return fail(ErrorCode::internal, "branch and bound ended with no answer and no reason");
      outcome.status = limited ? SolveStatus::limit : SolveStatus::infeasible;
      return outcome;
    }
    auto values = polished(program, best, *clp_);
    if (!values) return fail(ErrorCode::internal, "the answer of branch and bound breaks a row");
    outcome.solution.values = std::move(*values);
    outcome.solution.objective = cost_of(program, outcome.solution.values);
    const bool proven = model.isProvenOptimal();
    outcome.status = proven ? SolveStatus::optimal : SolveStatus::feasible;
    outcome.solution.bound = bound_of(model, outcome.solution.objective, lp_bound, proven);
    return outcome;
  }

  /// A run that ends as optimal proves the objective less the allowed gap. What CBC reports as the
  /// best possible value of the open nodes is tighter where it lies between that and the objective.
  [[nodiscard]] double bound_of(const CbcModel& model, double objective, double lp_bound,
                                bool proven) const {
    double bound = std::min(lp_bound, objective);
    if (proven)
      bound = std::max(bound, objective - options_.gap * std::max(1.0, std::abs(objective)));
    const double possible = model.getBestPossibleObjValue();
    if (possible <= objective) bound = std::max(bound, possible);
    return bound;
  }

  CbcOptions options_;
  std::unique_ptr<LinearSolver> clp_;
};

}  // namespace

std::unique_ptr<LinearSolver> make_cbc_solver(const CbcOptions& options) {
  return std::make_unique<CbcSolver>(options);
}

}  // namespace bourse
