#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace bourse {

/// GPUs of each job on each machine: job-major, one row a job.
using PolluxPlan = std::vector<std::int16_t>;

/// What the search knows of one active job.
struct PolluxJob {
  int gpus_per_worker = 1;
  int least = 1;      ///< GPUs of its smallest size.
  int most = 1;       ///< GPUs it may have: twice the most it ever had.
  double kept = 1;    ///< What its speedup counts if its row changes, in [0, 1]: the restart.
  double weight = 1;  ///< Of its speedup in the fitness.
};

/// Goodput of a job over that of its fair share, with GPUs that are all on one machine or not.
using PolluxSpeedup = std::function<double(std::size_t job, int gpus, bool is_spread)>;

struct PolluxProblem {
  std::vector<PolluxJob> jobs;
  std::vector<int> machines;  ///< GPUs of each.
  PolluxPlan current;
  PolluxSpeedup speedup;
  double power = -1;  ///< p of the power mean over jobs; smaller is fairer.
};

struct PolluxSearchOptions {
  int population = 100;
  int generations = 100;
  std::uint64_t seed = 1;
  std::uint64_t round = 0;  ///< Addresses the draws.
};

/// (mean of v^power)^(1/power), the geometric mean for a power of 0. Values above 0.
[[nodiscard]] double power_mean(std::span<const double> values, double power);

/// What a speedup counts after one more restart: max(age - restarts x cost, 0) / (age + cost).
[[nodiscard]] double restart_factor(double age_s, double restarts, double cost_s);

/// The power mean over jobs of weight x speedup, x `kept` if the row differs from the current one,
/// + 0.001. Source: Pollux, OSDI'21, equation of the fitness, and its artifact.
[[nodiscard]] double pollux_fitness(const PolluxProblem& problem, const PolluxPlan& plan);

/// Makes a plan one that can run: on no machine two jobs of several machines, no job above its most
/// or on more than 16 machines, no machine above its GPUs, no job below its least; in order of
/// jobs.
void repair(const PolluxProblem& problem, PolluxPlan& plan);

/// Evolves plans: single-point crossover over jobs, mutation, repair; the best of parents and
/// children live on. `population` is where the last round ended (its rows those of these jobs) and
/// where this one does; the current plan is added, and the same with the smallest size for every
/// job that has nothing. Returns the best: the earliest of equal ones. Cost: O(population x
/// generations x jobs x machines).
[[nodiscard]] PolluxPlan pollux_search(const PolluxProblem& problem,
                                       const PolluxSearchOptions& options,
                                       std::vector<PolluxPlan>& population);

}  // namespace bourse
