#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/state.h"

// What Gavel decides: the share of its time that each job spends on each machine class.
namespace bourse {

enum class GavelObjective : std::uint8_t {
  max_min,               ///< Weighed progress of the job that is worst off.
  isolated,              ///< Every job has its part of every class.
  finish_time_fairness,  ///< Worst ratio of the finish to that of the job on its part of the
                         ///< cluster.
  makespan,              ///< End of the last job.
};

/// How fast jobs are on the machine classes, and how much of a class they take.
class GavelRates {
 public:
  /// On the machines that are up, for the active jobs in their order.
  explicit GavelRates(const ClusterState& state);

  [[nodiscard]] std::size_t class_count() const { return class_count_; }
  /// Samples per second with the tasks requested; 0 if they do not fit the machines of the class.
  [[nodiscard]] double rate(std::size_t job, std::size_t machine_class) const {
    return rate_[job * class_count_ + machine_class];
  }
  /// The largest share of any resource of the class that the job takes there.
  [[nodiscard]] double load(std::size_t job, std::size_t machine_class) const {
    return load_[job * class_count_ + machine_class];
  }
  /// True if it fits the machines of one class alone.
  [[nodiscard]] bool fits_a_class(std::size_t job) const;
  /// Share of the class in all machines that are up, by GPUs or the first resource.
  [[nodiscard]] double part_of(std::size_t machine_class) const { return part_[machine_class]; }

  [[nodiscard]] const std::vector<double>& rates() const { return rate_; }
  [[nodiscard]] const std::vector<double>& loads() const { return load_; }

 private:
  void add(const JobSpec& job, const std::vector<FreeCapacity>& empty);

  std::size_t class_count_;
  std::vector<ResourceVector> total_;  ///< Of each class.
  std::vector<double> part_;
  std::vector<double> rate_;  ///< Job-major.
  std::vector<double> load_;
};

/// What finish-time fairness has to know of a job.
struct GavelHistory {
  double isolated_seconds = 0;  ///< Time in which its part of the cluster had done what is done.
};

/// Job-major shares of time, in sum at most 1 a job; the loads add up to at most 1 a class.
/// `history` is by job id and read by finish_time_fairness alone; that and makespan read the work
/// that is left. Jobs that fit no class alone get nothing.
/// max_min: max over shares of the min of GPUs x rate / rate of an equal split of the classes.
/// Source: Narayanan et al., Gavel, OSDI'20. Beyond it, jobs that are as fast as they can be do not
/// hold back the rest (fair_shares.h).
[[nodiscard]] std::vector<double> gavel_shares(const ClusterState& state, const GavelRates& rates,
                                               GavelObjective objective,
                                               const std::vector<GavelHistory>& history);

/// Rate of a job on its part of the cluster: an n-th of every class, n jobs, at most all the time.
[[nodiscard]] double isolated_rate(const GavelRates& rates, std::size_t job, std::size_t job_count);

}  // namespace bourse
