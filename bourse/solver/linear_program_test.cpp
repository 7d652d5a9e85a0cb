#include "bourse/solver/linear_program.h"

#include <gtest/gtest.h>
// After gtest, which it extends.
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "bourse/base/random.h"

namespace bourse {
namespace {

// Cheapest mix: 2 x + 3 y with x + y >= 4 and x <= 3 takes x = 3, y = 1 for 9.
TEST(ClpSolver, SolvesAWorkedExample) {
  LinearProgram program;
  const std::size_t x = program.add_column({.cost = 2, .upper = 3});
  const std::size_t y = program.add_column({.cost = 3});
  program.add_row({.entries = {{x, 1}, {y, 1}}, .lower = 4});
  const SolveOutcome outcome = make_clp_solver()->solve(program).value();
  ASSERT_EQ(outcome.status, SolveStatus::optimal);
  EXPECT_NEAR(outcome.solution.values[x], 3, 1e-9);
  EXPECT_NEAR(outcome.solution.values[y], 1, 1e-9);
  EXPECT_NEAR(outcome.solution.objective, 9, 1e-9);
  EXPECT_NEAR(outcome.solution.bound, 9, 1e-9);
}

// Knapsack of 10: values 10, 13, 7 at weights 5, 6, 4. The relaxation takes 13 + 10 * 4/5 = 21; the
// best whole choice is the items of 13 and 7, 20.
TEST(CbcSolver, FindsTheWholeOptimumThatTheRelaxationMisses) {
  LinearProgram program;
  LinearRow weight{.upper = 10};
  const double items[][2] = {{10, 5}, {13, 6}, {7, 4}};
  for (const auto& [value, size] : items)
    weight.entries.push_back(
        {program.add_column({.cost = -value, .upper = 1, .integer = true}), size});
  program.add_row(weight);
  EXPECT_NEAR(make_clp_solver()->solve(program)->solution.objective, -21, 1e-9);
  const SolveOutcome outcome = make_cbc_solver()->solve(program).value();
  ASSERT_EQ(outcome.status, SolveStatus::optimal);
  EXPECT_EQ(outcome.solution.values, (std::vector<double>{0, 1, 1}));
  EXPECT_NEAR(outcome.solution.objective, -20, 1e-12);
  EXPECT_NEAR(outcome.solution.bound, -20, 1e-6);
}

TEST(LinearSolver, SaysInfeasibleAndUnbounded) {
  for (const auto& solver : {make_clp_solver(), make_cbc_solver()}) {
    LinearProgram narrow;
    narrow.add_column({.upper = 1, .integer = true});
    narrow.add_row({.entries = {{0, 1}}, .lower = 2});
    EXPECT_EQ(solver->solve(narrow)->status, SolveStatus::infeasible);
    LinearProgram crossed;
    crossed.add_column({.lower = 2, .upper = 1});
    EXPECT_EQ(solver->solve(crossed)->status, SolveStatus::infeasible);
    LinearProgram open;
    open.add_column({.cost = -1, .integer = true});
    open.add_row({.entries = {{0, 1}}, .lower = 2});
    EXPECT_EQ(solver->solve(open)->status, SolveStatus::unbounded);
  }
}

// The relaxation has x = y = 1/2, no whole point satisfies 2 x + 2 y = 2 and x = y.
TEST(CbcSolver, SaysInfeasibleWhenOnlyTheRelaxationIsFeasible) {
  LinearProgram program;
  program.add_column({.upper = 3, .integer = true});
  program.add_column({.upper = 3, .integer = true});
  program.add_row({.entries = {{0, 2}, {1, 2}}, .lower = 2, .upper = 2});
  program.add_row({.entries = {{0, 1}, {1, -1}}, .lower = 0, .upper = 0});
  EXPECT_EQ(make_cbc_solver()->solve(program)->status, SolveStatus::infeasible);
}

// Costs 25 at (3, 0, 2); CBC's own driver answers 26 at (3, 1, 3).
TEST(CbcSolver, DoesNotLoseTheOptimumInPreprocessing) {
  LinearProgram program;
  for (const double cost : {7.0, -1.0, 2.0})
    program.add_column({.cost = cost, .upper = 3, .integer = true});
  program.add_row({.entries = {{0, 2}, {1, -3}, {2, 3}}, .lower = 11});
  program.add_row({.entries = {{0, 3}, {1, 3}, {2, -3}}, .lower = 0});
  EXPECT_EQ(make_cbc_solver()->solve(program)->solution.values, (std::vector<double>{3, 0, 2}));
}

TEST(LinearSolver, SolvesProgramsWithoutRowsOrColumns) {
  for (const auto& solver : {make_clp_solver(), make_cbc_solver()}) {
    EXPECT_EQ(solver->solve({})->status, SolveStatus::optimal);
    LinearProgram program;
    program.add_column({.cost = 1, .lower = 2, .upper = 5, .integer = true});
    EXPECT_DOUBLE_EQ(solver->solve(program)->solution.objective, 2);
  }
}

TEST(LinearSolver, RejectsMalformedPrograms) {
  const auto message = [](const LinearProgram& program) {
    const auto outcome = make_clp_solver()->solve(program);
    EXPECT_FALSE(outcome);
    return outcome ? std::string() : outcome.error().message;
  };
  LinearProgram program;
  program.add_column({});
  program.rows = {{.entries = {{3, 1}}}};
  EXPECT_EQ(message(program), "row 0: column 3 does not exist, there are 1");
  program.rows = {{.entries = {{0, 1}, {0, 1}}}};
  EXPECT_EQ(message(program), "row 0: column 0 must appear only once");
  program.rows = {{.entries = {{0, NAN}}}};
  EXPECT_EQ(message(program), "row 0: coefficient nan of column 0 must be finite");
  program.rows = {};
  program.columns[0].cost = kNoBound;
  EXPECT_EQ(message(program), "column 0: cost inf must be finite");
  program.columns[0] = {.lower = kNoBound};
  EXPECT_EQ(message(program),
            "column 0: bounds [inf, inf] must be numbers, infinite only outwards");
}

/// A small random program with whole variables in [0, 3].
LinearProgram random_program(RandomStream& random) {
  LinearProgram program;
  const auto columns = static_cast<std::size_t>(random.integer(1, 5));
  for (std::size_t c = 0; c < columns; ++c)
    program.add_column(
        {.cost = static_cast<double>(random.integer(-9, 9)), .upper = 3, .integer = true});
  const std::int64_t rows = random.integer(1, 4);
  for (std::int64_t r = 0; r < rows; ++r) {
    LinearRow row;
    for (std::size_t c = 0; c < columns; ++c)
      row.entries.push_back({c, static_cast<double>(random.integer(-4, 5))});
    (random.integer(0, 1) == 0 ? row.upper : row.lower) =
        static_cast<double>(random.integer(0, 12));
    program.add_row(row);
  }
  return program;
}

/// The least cost over all whole points, kNoBound if none is feasible.
double brute_force(const LinearProgram& program) {
  double best = kNoBound;
  std::vector<double> values(program.columns.size(), 0);
  while (true) {
    double cost = 0;
    for (std::size_t c = 0; c < values.size(); ++c) cost += program.columns[c].cost * values[c];
    if (cost < best && violation(program, values) == 0) best = cost;
    std::size_t c = 0;
    while (c < values.size() && values[c] == 3) values[c++] = 0;
    if (c == values.size()) return best;
    values[c] += 1;
  }
}

RC_GTEST_PROP(CbcSolver, AgreesWithBruteForceAndTheRelaxationIsBelow, ()) {
  RandomStream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
  const LinearProgram program = random_program(random);
  const double best = brute_force(program);
  const SolveOutcome whole = make_cbc_solver()->solve(program).value();
  const SolveOutcome relaxed = make_clp_solver()->solve(program).value();
  if (best == kNoBound) {
    RC_ASSERT(whole.status == SolveStatus::infeasible);
    return;
  }
  RC_ASSERT(whole.status == SolveStatus::optimal);
  RC_ASSERT(whole.solution.objective == best);
  RC_ASSERT(whole.solution.bound <= best);
  RC_ASSERT(whole.solution.bound >= best - 1e-6);
  RC_ASSERT(violation(program, whole.solution.values) == 0);
  RC_ASSERT(relaxed.solution.objective <= best + 1e-7);
}

/// A knapsack with several rows, too hard for one node.
LinearProgram hard_program() {
  RandomStream random(7, Purpose::test);
  LinearProgram program;
  for (int c = 0; c < 60; ++c)
    program.add_column({.cost = -random.uniform(10, 20), .upper = 1, .integer = true});
  for (int r = 0; r < 8; ++r) {
    LinearRow row{.upper = 150};
    for (std::size_t c = 0; c < 60; ++c) row.entries.push_back({c, random.uniform(5, 20)});
    program.add_row(row);
  }
  return program;
}

TEST(CbcSolver, StopsAtTheNodeLimitWithABoundAndRepeatsItself) {
  const LinearProgram program = hard_program();
  const SolveOutcome first = make_cbc_solver({.node_limit = 0})->solve(program).value();
  ASSERT_EQ(first.status, SolveStatus::feasible);
  EXPECT_LT(first.solution.bound, first.solution.objective);
  EXPECT_EQ(violation(program, first.solution.values), 0);
  const SolveOutcome again = make_cbc_solver({.node_limit = 0})->solve(program).value();
  EXPECT_EQ(first.solution.values, again.solution.values);
}

TEST(LinearSolver, PrintsNothing) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  (void)make_clp_solver()->solve(hard_program());
  (void)make_cbc_solver({.node_limit = 5})->solve(hard_program());
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace bourse
