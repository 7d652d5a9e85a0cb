#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bourse/policy/ones_progress.h"
#include "bourse/policy/ones_schedule.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// How ONES knows what a job has left.
enum class OnesProgress {
  fitted,    ///< The mean of the Beta regression: the same input gives the same schedule.
  sampled,   ///< A draw of it in every step, as the artifact does.
  declared,  ///< The work as submitted: an oracle.
};

struct OnesOptions {
  Seconds interval{1};  ///< Between two steps of the evolution while jobs are there.
  int population = 16;
  double swap_share = 0.5;
  double pause_share = 0.3;
  double warm_epochs = 2;     ///< That a job trains before it is predicted, resized or paused.
  double epochs_between = 1;  ///< That a job must train before it is moved again.
  /// Share of the speed of the GPUs added that a job must have gained to keep them; 0: as
  /// published, whatever it gained.
  double least_gain = 0.25;
  double slow_down = 1;  ///< lambda; larger cuts long jobs further.
  OnesProgress progress = OnesProgress::fitted;
  std::uint64_t seed = 1;
};

/// ONES: an evolution of whole schedules that decides GPUs and batch of every job.
///  1. Each step predicts how much every job that has trained two epochs has left
///     (ones_progress.h), moves the limits of their GPUs (ones_limits.h) and replaces the
///     population of schedules by the best of it, its children and its mutants (ones_schedule.h).
///  2. The first of the population is the target. Jobs that wait and fit what is idle start at
///     once; all other changes are made together, when every running job among them has trained an
///     epoch since its last change.
///  3. A job has the batch of ones_batch; its workers go where placement packs them, those of jobs
///     whose number of GPUs did not change stay.
/// It assumes: what jobs report (samples trained, speed as observed at the sizes they had, loss and
/// accuracy) and the limits of the batch; no declared speed and no declared work. An epoch of a job
/// without batches is a twentieth of its work. Speeds at other sizes are interpolated along lines,
/// 0 for none. Ties by arrival, then id. Guarantee: it never leaves all machines idle while an
/// active job fits. Source: Bian et al., ONES, SC'21 (arXiv 2108.03645), and its artifact; what is
/// mended in it: docs/decisions/0046. Cost of a step: see evolve.
class OnesPolicy final : public Policy {
 public:
  explicit OnesPolicy(OnesOptions options);
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  /// Of one job, by id.
  struct Account {
    int limit = 0;             ///< R, GPUs; 0: not seen yet.
    int scaling = 0;           ///< What limit_now adds to its GPUs; may be negative.
    int most = 0;              ///< GPUs beyond which it was seen to gain too little; 0: not seen.
    double last_reported = 0;  ///< Epochs.
    double trained_at_change = 0;         ///< Samples, when the policy last changed what it holds.
    std::map<int, double> speeds;         ///< Samples trained per second by GPUs, as observed.
    std::vector<FinishedReport> reports;  ///< One an epoch; totals are set at the end.
  };

  void observe(const ClusterState& state);
  void finish(JobId id, const ClusterState& state);
  void set_limits(const ClusterState& state);
  void note_gain(Account& account, int gpus) const;
  [[nodiscard]] std::vector<OnesJob> describe(const ClusterState& state, int gpu_count);
  [[nodiscard]] double samples_left(const ClusterState& state, JobId id);
  [[nodiscard]] double epochs_since_change(const ClusterState& state, JobId id) const;
  [[nodiscard]] double speed_of(JobId id, int gpus) const;
  [[nodiscard]] Decision deploy(const ClusterState& state, const std::vector<int>& gpus);
  [[nodiscard]] OnesSchedule layout_of(const ClusterState& state, std::size_t gpu_count) const;
  void to_ranks(const ClusterState& state, std::size_t gpu_count);
  void to_ids(const ClusterState& state);

  OnesOptions options_;
  ProgressModel model_;
  std::vector<Account> accounts_;
  std::vector<OnesSchedule> population_;  ///< By job id between steps, by rank within one.
  std::uint64_t step_ = 0;
  Seconds next_{0};
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo ones_info();

}  // namespace bourse
