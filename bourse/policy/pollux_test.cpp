#include "bourse/policy/pollux.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "bourse/base/random.h"

namespace bourse {
namespace {

// 3 / (1/2 + 1 + 2) = 0.857; 2 / (1/1.5 + ...) of (1.5, 1.5, 0.5): 3 / (2/3 + 2/3 + 2) = 0.9.
TEST(PowerMean, IsHarmonicForMinusOneAndGeometricForZero) {
  EXPECT_NEAR(power_mean(std::vector{2.0, 1.0, 0.5}, -1), 0.857, 5e-4);
  EXPECT_NEAR(power_mean(std::vector{1.5, 1.5, 0.5}, -1), 0.9, 1e-12);
  EXPECT_NEAR(power_mean(std::vector{2.0, 8.0}, 0), 4, 1e-12);
}

// (600 - 30) / 630 and (600 - 570) / 630; a job that has just come loses everything, so its first
// allocation must not count as a change.
TEST(RestartFactor, FallsWithEveryRestart) {
  EXPECT_NEAR(restart_factor(600, 1, 30), 0.9048, 5e-5);
  EXPECT_NEAR(restart_factor(600, 19, 30), 0.0476, 5e-5);
  EXPECT_EQ(restart_factor(0, 0, 30), 0);
}

/// Speedups of the square root of the GPUs, a third less when spread.
PolluxProblem problem_of(std::vector<int> machines, std::size_t jobs) {
  PolluxProblem problem;
  problem.jobs.assign(jobs, {.most = 8});
  problem.machines = std::move(machines);
  problem.current.assign(jobs * problem.machines.size(), 0);
  problem.speedup = [](std::size_t job, int gpus, bool is_spread) {
    return std::sqrt(gpus) * (1 + 0.1 * static_cast<double>(job)) * (is_spread ? 0.67 : 1);
  };
  return problem;
}

TEST(Repair, KeepsEveryRuleOfAPlan) {
  PolluxProblem problem = problem_of({4, 4, 4}, 4);
  problem.jobs[0].most = 3;
  problem.jobs[3] = {.gpus_per_worker = 2, .least = 4, .most = 4};
  for (std::uint64_t i = 0; i < 300; ++i) {
    RandomStream draws(2, Purpose::test, i);
    PolluxPlan plan;
    for (int k = 0; k < 12; ++k) plan.push_back(static_cast<std::int16_t>(draws.integer(0, 5)));
    repair(problem, plan);
    for (std::size_t m = 0; m < 3; ++m) {
      int used = 0;
      int spread = 0;
      for (std::size_t j = 0; j < 4; ++j) {
        const int here = plan[j * 3 + m];
        used += here;
        const int machines = (plan[j * 3] > 0) + (plan[j * 3 + 1] > 0) + (plan[j * 3 + 2] > 0);
        if (here > 0 && machines > 1) ++spread;
      }
      EXPECT_LE(used, 4);
      EXPECT_LE(spread, 1);
    }
    EXPECT_LE(plan[0] + plan[1] + plan[2], 3);
    const int gang = plan[9] + plan[10] + plan[11];
    EXPECT_TRUE(gang == 0 || gang == 4);
  }
}

/// The best fitness over all plans of two jobs on two machines of two GPUs.
double best_by_brute_force(const PolluxProblem& problem) {
  double best = 0;
  for (int code = 0; code < 81; ++code) {
    PolluxPlan plan;
    for (int rest = code, k = 0; k < 4; ++k, rest /= 3)
      plan.push_back(static_cast<std::int16_t>(rest % 3));
    repair(problem, plan);
    best = std::max(best, pollux_fitness(problem, plan));
  }
  return best;
}

TEST(PolluxSearch, FindsTheBestPlanOfASmallCluster) {
  const PolluxProblem problem = problem_of({2, 2}, 2);
  std::vector<PolluxPlan> population;
  const PolluxPlan plan = pollux_search(problem, {.population = 20, .generations = 20}, population);
  EXPECT_NEAR(pollux_fitness(problem, plan), best_by_brute_force(problem), 1e-12);
}

// Both orders of two jobs on two machines are worth the same; changing costs nine tenths.
TEST(PolluxSearch, StaysWhereItIsWhenRestartsCostMore) {
  PolluxProblem problem = problem_of({2, 2}, 2);
  problem.current = {0, 2, 2, 0};
  for (PolluxJob& job : problem.jobs) job.kept = 0.1;
  std::vector<PolluxPlan> population;
  EXPECT_EQ(pollux_search(problem, {.population = 20, .generations = 20}, population),
            problem.current);
}

TEST(PolluxSearch, IsTheSameForTheSameSeed) {
  const PolluxProblem problem = problem_of({4, 4, 4}, 6);
  std::vector<PolluxPlan> a;
  std::vector<PolluxPlan> b;
  const PolluxSearchOptions options{.population = 10, .generations = 10, .seed = 5};
  EXPECT_EQ(pollux_search(problem, options, a), pollux_search(problem, options, b));
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace bourse
