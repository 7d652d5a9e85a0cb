#include "bourse/solver/fair_shares.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>
#include <algorithm>
#include <cmath>
#include <limits>

namespace bourse {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

double rate_of(const ShareProblem& problem, const Shares& shares, std::size_t job) {
  double rate = 0;
  for (std::size_t i = job * problem.types; i < (job + 1) * problem.types; ++i)
    rate += problem.rate[i] * shares.time[i];
  return rate;
}

double best_of(const ShareProblem& problem, std::size_t job) {
  const auto first = problem.rate.begin() + static_cast<std::ptrdiff_t>(job * problem.types);
  return *std::max_element(first, first + static_cast<std::ptrdiff_t>(problem.types));
}

// Gavel's example: 2 GPUs of one type, jobs of 1, 1 and 2 GPUs, equal weights. In time t each needs
// t / GPUs of rate, so GPUs x time is the same for all: 3 s = 2, s = .667: times .667, .667, .333.
TEST(FairShares, EqualiseGpusTimesTime) {
  const ShareProblem problem{.types = 1,
                             .needs = {{.work = 1}, {.work = 1}, {.work = 0.5}},
                             .rate = {1, 1, 1},
                             .load = {0.5, 0.5, 1}};
  const Shares shares = fair_shares(problem);
  EXPECT_NEAR(shares.time[0], 2.0 / 3, 1e-9);
  EXPECT_NEAR(shares.time[1], 2.0 / 3, 1e-9);
  EXPECT_NEAR(shares.time[2], 1.0 / 3, 1e-9);
  EXPECT_NEAR(shares.level, 2.0 / 3, 1e-9);
}

// Two machines, one fast. A is 4 times as fast there, B 2 times (1 on the slow one). Equal needs: B
// is all on the slow one, and A on the fast one would have 4 to B's 1. So B gets some of the fast
// one: B has 1 + b there (b of its time), A 4 (1 - b) + b (on the slow one, which B left): 4 - 3 b.
// 1 + b = 4 - 3 b at b = .75: both have 1.75.
TEST(FairShares, TradeFastAndSlowMachines) {
  const ShareProblem problem{
      .types = 2, .needs = {{}, {}}, .rate = {4, 1, 2, 1}, .load = {1, 1, 1, 1}};
  const Shares shares = fair_shares(problem);
  EXPECT_NEAR(shares.level, 1.75, 1e-6);
  EXPECT_NEAR(shares.time[0], 0.25, 1e-6);
  EXPECT_NEAR(shares.time[2], 0.75, 1e-6);
}

// The first job is as fast as it can be at level 1; the other two share what it leaves: 1 of 2
// GPUs.
TEST(FairShares, AreNotHeldBackByAJobThatIsAtItsFastest) {
  const ShareProblem problem{.types = 1,
                             .needs = {{.work = 1}, {.work = 0.25}, {.work = 0.25}},
                             .rate = {1, 1, 1},
                             .load = {0.5, 0.5, 0.5}};
  const Shares shares = fair_shares(problem);
  EXPECT_NEAR(shares.time[0], 1, 1e-9);
  EXPECT_NEAR(shares.time[1], 0.5, 1e-9);
  EXPECT_NEAR(shares.level, 2, 1e-9);
}

TEST(FairShares, AreAllWhereEverybodyFits) {
  const ShareProblem problem{
      .types = 2, .needs = {{}, {}}, .rate = {2, 1, 1, 3}, .load = {0.5, 1, 1, 0.5}};
  const Shares shares = fair_shares(problem);
  EXPECT_EQ(shares.level, kInfinite);
  EXPECT_EQ(shares.time, (std::vector<double>{1, 0, 0, 1}));
}

// Finish-time fairness: rho = (age + left / rate) / span. One GPU; A has waited 10 and needs 10
// more alone, span 20; B is new, 10 of work, span 20. At rho: rates 10 / (20 rho - 10) and 10 / (20
// rho) add up to 1. rho = 1: 1 + .5 > 1. 20 rho = z: 10 (2 z - 10) = z (z - 10): z^2 - 30 z + 100 =
// 0, z = 26.18, rho = 1.309.
TEST(FairShares, KnowTheAgeOfJobs) {
  const ShareProblem problem{
      .types = 1,
      .needs = {{.work = 10, .span = 20, .age = 10}, {.work = 10, .span = 20, .age = 0}},
      .rate = {1, 1},
      .load = {1, 1}};
  const Shares shares = fair_shares(problem);
  EXPECT_NEAR(1 / shares.level, (30 + std::sqrt(500.0)) / 2 / 20, 1e-6);
  EXPECT_NEAR(shares.time[0] + shares.time[1], 1, 1e-9);
}

TEST(FairShares, GiveNothingToAJobThatCannotRun) {
  const ShareProblem problem{.types = 1, .needs = {{}, {}}, .rate = {0, 1}, .load = {1, 2}};
  const Shares shares = fair_shares(problem);
  EXPECT_EQ(shares.time[0], 0);
  EXPECT_NEAR(shares.time[1], 0.5, 1e-9);
  EXPECT_EQ(fair_shares({.types = 1}).level, kInfinite);
}

// Only the last job can use the first type, which costs nothing at some prices: its need grows at
// no cost until it is at its fastest. The others are level at 2: 2 of work need 1 of rate, and so
// on.
TEST(FairShares, GoOnWhereMoreCostsNothing) {
  const ShareProblem problem{.types = 3,
                             .needs = {{1.25}, {0.5}, {0.75}, {0.25}, {0.75}},
                             .rate = {0, 2.5, 2, 0, 1, 1, 0, 3, 1, 1, 3, 0, 3, 0, 0},
                             .load = {0.125, 0.375, 0.125, 0.125, 0.125, 0.125, 0.125, 0.75, 0.125,
                                      0.125, 0.375, 0.125, 0.25, 0.125, 0.125}};
  const auto outcome = make_clp_solver()->solve(share_program(problem));
  EXPECT_NEAR(-outcome->solution.objective, 2, 1e-9) << "the second job is at its fastest";
  EXPECT_GT(fair_shares(problem).level, 2);
}

ShareProblem any_problem() {
  ShareProblem problem{.types = *rc::gen::inRange<std::size_t>(1, 5)};
  const auto jobs = *rc::gen::inRange<std::size_t>(1, 12);
  for (std::size_t job = 0; job < jobs; ++job) {
    problem.needs.push_back({.work = *rc::gen::inRange(1, 9) / 4.0});
    for (std::size_t k = 0; k < problem.types; ++k) {
      problem.rate.push_back(*rc::gen::inRange(0, 9) / 2.0);
      problem.load.push_back(*rc::gen::inRange(1, 9) / 8.0);
    }
  }
  return problem;
}

RC_GTEST_PROP(FairShares, FitAndGiveEveryJobWhatItNeeds, ()) {
  const ShareProblem problem = any_problem();
  const Shares shares = fair_shares(problem);
  for (std::size_t k = 0; k < problem.types; ++k) {
    double used = 0;
    for (std::size_t job = 0; job < problem.job_count(); ++job) {
      const double time = shares.time[job * problem.types + k];
      RC_ASSERT(time >= 0);
      used += time * problem.load[job * problem.types + k];
    }
    RC_ASSERT(used <= 1 + 1e-9);
  }
  for (std::size_t job = 0; job < problem.job_count(); ++job) {
    double time = 0;
    for (std::size_t k = 0; k < problem.types; ++k) time += shares.time[job * problem.types + k];
    RC_ASSERT(time <= 1 + 1e-9);
    const double need = std::min(best_of(problem, job), shares.level * problem.needs[job].work);
    RC_ASSERT(rate_of(problem, shares, job) >= need * (1 - 1e-6));
  }
}

// The program's level stops at the job that is at its fastest first.
RC_GTEST_PROP(FairShares, ReachTheLevelOfTheLinearProgram, ()) {
  const ShareProblem problem = any_problem();
  double slowest = kInfinite;
  for (std::size_t job = 0; job < problem.job_count(); ++job)
    if (best_of(problem, job) > 0)
      slowest = std::min(slowest, best_of(problem, job) / problem.needs[job].work);
  RC_PRE(slowest < kInfinite);
  const auto outcome = make_clp_solver()->solve(share_program(problem));
  RC_ASSERT(outcome.has_value());
  const double expected = -outcome->solution.objective;
  const double got = std::min(slowest, fair_shares(problem).level);
  RC_ASSERT(std::abs(got - expected) <= 1e-6 * expected);
}

}  // namespace
}  // namespace bourse
