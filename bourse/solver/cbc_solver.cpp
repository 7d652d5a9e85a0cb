#include <Cbc_C_Interface.h>
#include <fmt/core.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <optional>
#include <utility>

#include "bourse/solver/linear_check.h"
#include "bourse/solver/linear_program.h"

namespace bourse {
namespace {

struct DeleteModel {
  void operator()(Cbc_Model* model) const { Cbc_deleteModel(model); }
};
using CbcHandle = std::unique_ptr<Cbc_Model, DeleteModel>;

double cbc_bound(double bound) { return std::clamp(bound, -DBL_MAX, DBL_MAX); }

/// The rows' entries by column, as CBC wants them.
struct ColumnMajor {
  std::vector<CoinBigIndex> start;
  std::vector<int> row;
  std::vector<double> value;
};

ColumnMajor column_major(const LinearProgram& program) {
  ColumnMajor out;
  out.start.assign(program.columns.size() + 1, 0);
  for (const LinearRow& row : program.rows)
    for (const LinearEntry& entry : row.entries) ++out.start[entry.column + 1];
  for (std::size_t c = 0; c < program.columns.size(); ++c) out.start[c + 1] += out.start[c];
  const auto entries = static_cast<std::size_t>(out.start.back());
  out.row.resize(entries);
  out.value.resize(entries);
  std::vector<CoinBigIndex> next(out.start.begin(), out.start.end() - 1);
  for (std::size_t r = 0; r < program.rows.size(); ++r)
    for (const LinearEntry& entry : program.rows[r].entries) {
      const auto at = static_cast<std::size_t>(next[entry.column]++);
      out.row[at] = static_cast<int>(r);
      out.value[at] = entry.value;
    }
  return out;
}

CbcHandle make_model(const LinearProgram& program, const CbcOptions& options) {
  std::vector<double> lower, upper, cost, row_lower, row_upper;
  for (const LinearColumn& column : program.columns) {
    lower.push_back(cbc_bound(column.lower));
    upper.push_back(cbc_bound(column.upper));
    cost.push_back(column.cost);
  }
  for (const LinearRow& row : program.rows) {
    row_lower.push_back(cbc_bound(row.lower));
    row_upper.push_back(cbc_bound(row.upper));
  }
  const ColumnMajor entries = column_major(program);
  CbcHandle model(Cbc_newModel());
  Cbc_loadProblem(model.get(), static_cast<int>(program.columns.size()),
                  static_cast<int>(program.rows.size()), entries.start.data(), entries.row.data(),
                  entries.value.data(), lower.data(), upper.data(), cost.data(), row_lower.data(),
                  row_upper.data());
  Cbc_setObjSense(model.get(), 1);
  for (std::size_t c = 0; c < program.columns.size(); ++c)
    if (program.columns[c].integer) Cbc_setInteger(model.get(), static_cast<int>(c));
  const auto set = [&](const char* name, const std::string& value) {
    Cbc_setParameter(model.get(), name, value.c_str());
  };
  set("log", "0");
  set("slog", "0");
  set("randomSeed", "1");
  set("randomCbcSeed", "1");
  set("timeMode", "cpu");
  set("sec", fmt::format("{}", options.time_limit_s));
  set("ratioGap", fmt::format("{}", options.gap));
  set("allowableGap", "0");
  set("integerTolerance", "1e-7");
  if (options.node_limit >= 0) set("maxNodes", fmt::format("{}", options.node_limit));
  return model;
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
    Result<SolveOutcome> outcome = branch(program, relaxed.solution.bound, true);
    return outcome ? outcome : branch(program, relaxed.solution.bound, false);
  }

 private:
  static bool is_whole(const LinearProgram& program, const std::vector<double>& values) {
    for (std::size_t c = 0; c < values.size(); ++c)
      if (program.columns[c].integer && values[c] != std::round(values[c])) return false;
    return true;
  }

  /// One run of CBC. Its preprocessing has been seen to lose solutions on badly scaled rows, so the
  /// second attempt goes without.
  Result<SolveOutcome> branch(const LinearProgram& program, double lp_bound, bool preprocess) {
    const CbcHandle model = make_model(program, options_);
    if (!preprocess) {
      Cbc_setParameter(model.get(), "preprocess", "off");
      Cbc_setParameter(model.get(), "presolve", "off");
    }
    Cbc_solve(model.get());
    SolveOutcome outcome;
    outcome.solution.bound = lp_bound;
    const double* best = Cbc_bestSolution(model.get());
    if (best == nullptr) {
      const bool limited =
          Cbc_isSecondsLimitReached(model.get()) != 0 || Cbc_isNodeLimitReached(model.get()) != 0;
      outcome.status = limited ? SolveStatus::limit : SolveStatus::infeasible;
      if (!limited && Cbc_isProvenInfeasible(model.get()) == 0 &&
          Cbc_secondaryStatus(model.get()) != 1)
        return fail(ErrorCode::internal, "branch and bound ended with no answer and no reason");
      return outcome;
    }
    auto values = polished(program, best, *clp_);
    if (!values) return fail(ErrorCode::internal, "the answer of branch and bound breaks a row");
    outcome.solution.values = std::move(*values);
    outcome.solution.objective = cost_of(program, outcome.solution.values);
    const bool proven = Cbc_isProvenOptimal(model.get()) != 0;
    outcome.status = proven ? SolveStatus::optimal : SolveStatus::feasible;
    outcome.solution.bound = bound_of(model.get(), outcome.solution.objective, lp_bound, proven);
    return outcome;
  }

  /// A run that ends as optimal proves the objective less the allowed gap. What CBC reports as the
  /// best possible value of the open nodes is tighter where it lies between that and the objective.
  [[nodiscard]] double bound_of(Cbc_Model* model, double objective, double lp_bound,
                                bool proven) const {
    double bound = std::min(lp_bound, objective);
    if (proven)
      bound = std::max(bound, objective - options_.gap * std::max(1.0, std::abs(objective)));
    const double possible = Cbc_getBestPossibleObjValue(model);
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
