#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bourse/base/random.h"

namespace bourse {

/// A schedule of ONES: what each GPU of the cluster trains, by rank of the job, or kIdle.
using OnesSchedule = std::vector<int>;
inline constexpr int kIdle = -1;

/// What the search knows of one active job. GPUs come in whole workers of `gpus_per_worker`.
struct OnesJob {
  bool is_new = false;      ///< Has not trained enough to be predicted; nobody pauses it.
  int gpus_per_worker = 1;  ///< >= 1.
  int least = 1;            ///< GPUs of its smallest size.
  int limit_now = 0;        ///< L: GPUs it may have in a schedule that is kept.
  int limit = 1;            ///< R: GPUs it may have at all; >= least.
  bool is_predicted = false;
  double samples_left = 0;  ///< Predicted; only if is_predicted.
};

/// X: samples per second of the job of this rank with so many GPUs (>= 1).
using OnesSpeed = std::function<double(int rank, int gpus)>;

/// GPUs of each job in a schedule.
[[nodiscard]] std::vector<int> gpus_of(const OnesSchedule& schedule, std::size_t job_count);

/// Drops what exceeds limit_now, from left to right; a new job keeps its smallest size.
[[nodiscard]] OnesSchedule refreshed(const OnesSchedule& schedule, std::span<const OnesJob> jobs);

/// Uniform crossover: each GPU goes to one child from one parent and to the other from the other,
/// as long as its job is below limit_now there.
[[nodiscard]] std::pair<OnesSchedule, OnesSchedule> crossed(const OnesSchedule& a,
                                                            const OnesSchedule& b,
                                                            std::span<const OnesJob> jobs,
                                                            double swap_share, RandomStream& draws);

/// Pauses each job that is not new with this probability.
[[nodiscard]] OnesSchedule mutated(const OnesSchedule& schedule, std::span<const OnesJob> jobs,
                                   double pause_share, RandomStream& draws);

/// The GPUs each job gets when idle ones are filled: parts below the smallest size are dropped,
/// then (i) new jobs in order get their smallest size, (ii) predicted jobs by shortest remaining
/// time on one worker are raised to limit_now, (iii) again to limit. `order` lists predicted jobs
/// that way.
[[nodiscard]] std::vector<int> padded(std::vector<int> gpus, std::span<const OnesJob> jobs,
                                      std::span<const int> order, int gpu_count);

/// The predicted jobs by remaining time on one worker, ties by rank.
[[nodiscard]] std::vector<int> shortest_first(std::span<const OnesJob> jobs,
                                              const OnesSpeed& speed);

/// A schedule with these GPUs in which each job is in one piece. Jobs of `current` keep their order
/// and, where nothing is in the way, their place; the others fill the gaps. Cost: O(GPUs + J^2).
[[nodiscard]] OnesSchedule reordered(const OnesSchedule& current, std::span<const int> gpus);

/// GPUs that are busy in `from` and train something else in `to`.
[[nodiscard]] int moves_between(const OnesSchedule& from, const OnesSchedule& to);

/// SRUF: remaining GPU-seconds of the scheduled jobs, n x samples left / X(n), over predicted jobs.
/// Only schedules that leave the same number of GPUs idle may be compared.
[[nodiscard]] double sruf_score(std::span<const int> gpus, std::span<const OnesJob> jobs,
                                const OnesSpeed& speed);

/// Parameters of one step of the evolution.
struct OnesSearchOptions {
  int population = 16;
  double swap_share = 0.5;   ///< Of GPUs, in a crossover.
  double pause_share = 0.3;  ///< Of jobs, in a mutation.
  std::uint64_t seed = 1;
};

/// Replaces the population by the best of it, of its children and of its mutants, all refreshed,
/// padded and reordered; the first is the best: fewest idle GPUs, then the least score, then the
/// earliest candidate. An empty population begins with random schedules of one size each. `step`
/// addresses the draws. Ranks in the population are those of `jobs`. Never empty if a job fits.
/// Cost: O(population x (GPUs + J^2)).
void evolve(std::vector<OnesSchedule>& population, const OnesSchedule& current,
            std::span<const OnesJob> jobs, const OnesSpeed& speed, const OnesSearchOptions& options,
            std::uint64_t step);

}  // namespace bourse
