#pragma once

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// A job whose global batch may change while it trains, by all-reduce and without servers. Its work
/// is told in samples at the base batch; a sample of a larger batch counts for less of it.
///
/// A step of n workers with global batch M takes s T + (T^g + S^g)^(1/g) seconds. T = step_fixed +
/// step_per_sample m is one pass of a worker over m = M / (n (s + 1)) samples, s the fewest
/// additional passes with which m fits the memory of a device, S the exchange of gradients: nothing
/// for one worker, else sync + (n - 2) sync_per_worker, inside one machine or across several.
/// Source: Qiao et al., Pollux, OSDI'21; g is `overlap`, s the accumulation steps.
struct AdaptiveThroughput {
  Seconds step_fixed{0};              ///< alpha_c, of a machine of speed 1.
  Seconds step_per_sample{0};         ///< beta_c, likewise; > 0.
  Seconds sync_inside{0};             ///< alpha_r.
  Seconds sync_inside_per_worker{0};  ///< beta_r.
  Seconds sync_across{0};             ///< alpha_n, at least alpha_r.
  Seconds sync_across_per_worker{0};  ///< beta_n, at least beta_r.
  double overlap = 1;                 ///< g in [1, 10]: 1 none, 10 nearly all.
  int base_batch = 1;                 ///< M0, of one worker; what the work is counted in.
  int requested_batch = 1;       ///< Global, what a policy that leaves batches alone gets; >= M0.
  int max_batch_per_worker = 1;  ///< Samples that the memory of a device holds at once.
  int max_workers = 1;           ///< More do not help.
  /// phi: the batch at which noise and signal of the gradient are equal, samples; >= 0.
  double noise_scale = 0;
  double epoch_samples = 1;       ///< D, samples of one pass over the data; > 0.
  double base_learning_rate = 1;  ///< Of the base batch; > 0. It grows in step with the batch
  double max_learning_rate = 1;   ///< up to here; a larger batch would not converge.
};

/// Largest max_workers.
inline constexpr int kMaxAdaptiveWorkers = 10'000;

/// Speed of training, per second.
struct TrainingPace {
  double trained = 0;   ///< Samples that pass through the model.
  double progress = 0;  ///< What they are worth, in samples at the base batch.
};

/// E(M) = (phi + M0) / (phi + M), what a sample of a step with this batch is worth.
/// Source: McCandlish et al., arXiv 1812.06162; Pollux.
[[nodiscard]] double statistical_efficiency(const AdaptiveThroughput& job, double batch);

/// The largest global batch that the learning rate can follow: M0 x max rate / base rate.
[[nodiscard]] int largest_batch(const AdaptiveThroughput& job);

/// The learning rate of a global batch: it grows in step with the batch, at most to the maximum.
[[nodiscard]] double learning_rate(const AdaptiveThroughput& job, double batch);

/// The learning rate `share` of the way through the epoch after a change: linear from the old one
/// to the new one, which it keeps from then on.
[[nodiscard]] double warmed_up_rate(double old_rate, double new_rate, double share);

/// Pace of `workers` (>= 1) workers with this global batch (>= 1).
[[nodiscard]] TrainingPace pace_at(const AdaptiveThroughput& job, int workers, bool is_spread,
                                   double speed, int batch);

/// The global batch with the best progress, of 50 in geometric steps from the base batch to the
/// largest one, both included; ties to the smallest. Cost: 50 paces.
[[nodiscard]] int best_batch(const AdaptiveThroughput& job, int workers, bool is_spread,
                             double speed);

/// Progress that no batch from the base batch to the largest one exceeds, at most 0.1 % above what
/// the best of them has. Cost: about 100 paces.
[[nodiscard]] double progress_bound(const AdaptiveThroughput& job, int workers, bool is_spread,
                                    double speed);

/// Samples until the accuracy is reached when all are trained with this batch, in epochs.
[[nodiscard]] double epochs_to_accuracy(const AdaptiveThroughput& job, double work, double batch);

/// Errors: invalid_argument if a rule in the comments above is broken; names the field.
[[nodiscard]] Result<void> check(const AdaptiveThroughput& job);

}  // namespace bourse
