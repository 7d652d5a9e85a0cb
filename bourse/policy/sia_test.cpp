#include "bourse/policy/sia.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bourse/base/random.h"

namespace bourse {
namespace {

std::vector<SiaChoice> choices(double one, double two, double four) {
  return {{0, 1, one}, {0, 2, two}, {0, 4, four}};
}

// 1.9^-0.5 + 1.5^-0.5 = 0.7255 + 0.8165 = 1.542.
TEST(SiaChoices, SplitsFourGpusBetweenTwoJobs) {
  const SiaProblem problem{
      .jobs = {choices(1, 1.9, 3.4), choices(1, 1.5, 1.8)}, .gpus = {4}, .gap = 0};
  const auto chosen = sia_choices(problem);
  EXPECT_EQ(chosen[0], 1u);
  EXPECT_EQ(chosen[1], 1u);
  EXPECT_NEAR(sia_cost(problem, chosen), 1.542, 5e-4);
}

// With a third job: two of two GPUs and one starving cost 0.7255 + 0.7161 + 1.1 = 2.542, all three
// running 1 + 1 + 0.7161 = 2.716. If starving costs 2, all run.
TEST(SiaChoices, LetsAJobStarveWhenThatIsCheap) {
  SiaProblem problem{.jobs = {choices(1, 1.9, 3.4), choices(1, 1.5, 1.8), choices(1, 1.95, 3.8)},
                     .gpus = {4},
                     .gap = 0};
  auto chosen = sia_choices(problem);
  EXPECT_FALSE(chosen[1]);
  EXPECT_NEAR(sia_cost(problem, chosen), 2.542, 5e-4);
  problem.starving = 2;
  chosen = sia_choices(problem);
  EXPECT_TRUE(chosen[0] && chosen[1] && chosen[2]);
}

/// The least cost over all choices, one job after the other.
double brute_force(const SiaProblem& problem, std::size_t job, std::vector<int> left,
                   std::vector<std::optional<std::size_t>>& chosen) {
  if (job == problem.jobs.size()) return sia_cost(problem, chosen);
  chosen[job] = std::nullopt;
  double best = brute_force(problem, job + 1, left, chosen);
  for (std::size_t c = 0; c < problem.jobs[job].size(); ++c) {
    const SiaChoice& choice = problem.jobs[job][c];
    if (choice.gpus > left[choice.machine_class]) continue;
    left[choice.machine_class] -= choice.gpus;
    chosen[job] = c;
    best = std::min(best, brute_force(problem, job + 1, left, chosen));
    left[choice.machine_class] += choice.gpus;
  }
  chosen[job] = std::nullopt;
  return best;
}

TEST(SiaChoices, AreTheBestOfAllOnSmallCases) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    RandomStream draws(3, Purpose::test, i);
    SiaProblem problem{.gpus = {3, 2}, .gap = 0};
    for (int j = 0; j < 4; ++j) {
      std::vector<SiaChoice>& job = problem.jobs.emplace_back();
      for (const std::size_t k : {0U, 1U})
        for (const int gpus : {1, 2}) job.push_back({k, gpus, draws.uniform(0.5, 4)});
    }
    const auto chosen = sia_choices(problem);
    std::vector<std::optional<std::size_t>> scratch(4);
    EXPECT_NEAR(sia_cost(problem, chosen), brute_force(problem, 0, problem.gpus, scratch), 1e-6);
  }
}

TEST(SiaChoices, LeavesOutJobsWithoutAChoice) {
  const SiaProblem problem{.jobs = {{}, choices(1, 2, 4)}, .gpus = {1}, .gap = 0};
  const auto chosen = sia_choices(problem);
  EXPECT_FALSE(chosen[0]);
  EXPECT_EQ(chosen[1], 0u);
}

}  // namespace
}  // namespace bourse
