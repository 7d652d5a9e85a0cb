#pragma once

#include <cstdint>
#include <vector>

#include "bourse/model/workload.h"
#include "bourse/simulation/simulate.h"

namespace bourse {

/// Mean and quantiles of a sample; all 0 if it is empty. A quantile q of n values is the
/// ceil(q n)-th smallest (nearest rank), so it is always a value that occurred.
struct Distribution {
  std::uint64_t count = 0;
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
};

/// Means are summed in the order of the values given.
[[nodiscard]] Distribution distribution_of(std::vector<double> values);

/// What a run is judged by. Times in seconds.
struct Metrics {
  std::uint64_t jobs = 0;
  std::uint64_t finished = 0;
  std::uint64_t declined = 0;    ///< Given up by the policy.
  std::uint64_t unfinished = 0;  ///< Neither finished nor declined when the run ended.
  Distribution completion;       ///< Finish - arrival, of finished jobs.
  Distribution queueing;         ///< Completion less the time the job held an allocation.
  Distribution executed;         ///< Time held, of finished jobs.
  /// Of finished adaptive jobs, whose work ends at their accuracy: the time from arrival until then
  /// and the samples that passed through the model. Empty if there are none.
  Distribution time_to_accuracy;
  Distribution samples_to_accuracy;
  /// Finish-time fairness rho of finished jobs: completion time over T_fair, the time with an equal
  /// share of the cluster. T_fair is the duration with the requested tasks, stretched by
  /// max(1, n x requested share) with n the mean number of jobs present while it was.
  /// Source: Themis (NSDI'20), with the share taken of the primary resource.
  Distribution fairness;
  double makespan = 0;
  double utility = 0;         ///< Sum over jobs, by id.
  double resource_hours = 0;  ///< GPU-hours held by jobs, finished or not.
  double utilization = 0;     ///< Share of what was up until the makespan that jobs held.
  std::uint64_t restarts = 0;
  std::uint64_t decisions = 0;
};

/// `result` is of a run of `instance`.
[[nodiscard]] Metrics metrics_of(const Instance& instance, const SimulationResult& result);

}  // namespace bourse
