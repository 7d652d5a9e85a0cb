#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bourse/policy/optimus_fit.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/rounds.h"

namespace bourse {

/// What Optimus takes for the work that is left.
enum class OptimusEstimate {
  declared,  ///< The work as submitted, less the progress.
  loss,      ///< Where a curve fitted to noisy losses converges; see OptimusOptions::loss_noise.
};

struct OptimusOptions {
  Seconds interval{600};      ///< Between two rounds; shorter resizes more often.
  bool gangs_at_once = true;  ///< Gangs need not wait for a round to start.
  bool fitted_speed = true;   ///< Speeds by a model fitted to profiled sizes; else as declared.
  OptimusEstimate estimate = OptimusEstimate::declared;
  double loss_noise = 0.05;    ///< Relative standard deviation of an observed loss.
  double young_factor = 0.95;  ///< Gains of jobs at less than a tenth of their work count so much.
  int max_workers = 0;         ///< Most workers a job is given; 0: what its throughput can use.
  std::uint64_t seed = 1;      ///< Of the noise.
};

/// Optimus: every round it divides the cluster anew by marginal gains.
///  1. A job that is new is profiled at up to a dozen sizes; non-negative least squares give the
///     speed as a function of workers and servers (optimus_fit.h).
///  2. In order of arrival each job gets its smallest size (a gang all of it) while that fits what
///     all machines together have; a job that does not fit is skipped.
///  3. Again and again the best of all steps (a job, one more worker or one more server) is taken:
///     the one that saves most time to completion per share of the cluster that it takes, until no
///     step saves time or fits. Jobs without servers of their own, and tables, grow by sizes.
///  4. Jobs whose tasks did not change keep their machines. The others are placed by increasing
///     number of tasks, evenly over the first machines by free CPU that hold them; what does not
///     fit shrinks; a gang waits. Gangs that wait then start where they fit.
/// Assumes: shares of the whole cluster (up or down) make resources comparable; the work left is
/// the declared work, or an estimate of it. The model has no loss curves: with estimate=loss each
/// job has a hidden curve that converges (a drop of 5 % of the range or less over a tenth of the
/// epochs) after its declared work, and Optimus sees noisy losses of the epochs done.
/// Ties: steps by arrival, then id, workers first; machines by id. Guarantees: at the end no step
/// with a gain fits the sum of all machines. Source: Peng et al., Optimus, EuroSys'18.
/// Cost: O(grants log jobs) for 3, O(tasks log machines) for 4.
class OptimusPolicy final : public Policy {
 public:
  explicit OptimusPolicy(OptimusOptions options);
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  Decision divide(const ClusterState& state);
  const SpeedModel& model_of(const JobSpec& job, JobId id);
  [[nodiscard]] double steps_left(const ClusterState& state, JobId id) const;

  OptimusOptions options_;
  Rounds rounds_;
  std::vector<std::optional<SpeedModel>> models_;  ///< By job.
};

/// A job that takes part in the growth of step 3.
struct OptimusJob {
  const JobSpec* spec = nullptr;
  SpeedModel model;
  double steps_left = 0;  ///< Q.
  double factor = 1;      ///< Of its gains.
  bool use_model = true;  ///< Else declared speeds.
};

/// Steps 2 and 3: the tasks of each job, in the order given, out of `capacity` of all machines
/// together; shares are of `total`. {0, 0}: none.
[[nodiscard]] std::vector<TaskCounts> optimus_counts(const std::vector<OptimusJob>& jobs,
                                                     ResourceVector capacity,
                                                     const ResourceVector& total,
                                                     int max_workers_allowed = 0);

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo optimus_info();

}  // namespace bourse
