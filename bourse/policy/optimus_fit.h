#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "bourse/model/job.h"

namespace bourse {

/// Speed of synchronous training as Optimus models it, in steps a second:
/// 1 / (t0 batch / w + t1 + t2 w / p + t3 w + t4 p) with w workers and p parameter servers; without
/// servers the terms of p are left out. Source: Optimus, equation of f(p, w).
struct SpeedModel {
  std::array<double, 5> theta{};  ///< t0 .. t4, seconds; >= 0.
  double batch = 1;               ///< Samples of a step.

  /// 0 if there is no worker, or no server where the model has a term for them.
  [[nodiscard]] double steps_per_second(TaskCounts tasks) const;
};

/// A measured speed.
struct SpeedPoint {
  TaskCounts tasks;
  double steps_per_second = 0;  ///< > 0.
};

/// Fits the model to measured points by non-negative least squares on relative errors of the time
/// of a step. Points of no speed are passed over. Cost: a few solves of 5 equations.
[[nodiscard]] SpeedModel fit_speed(std::span<const SpeedPoint> points, double batch);

/// Mean of |modelled - measured| / measured over the points.
[[nodiscard]] double mean_relative_error(const SpeedModel& model,
                                         std::span<const SpeedPoint> points);

/// What profiling a job for a few minutes would show: its declared speed at up to a dozen sizes, in
/// steps of its global batch (or of one sample).
[[nodiscard]] std::vector<SpeedPoint> profile_points(const JobSpec& job);
/// Samples of one step of the job.
[[nodiscard]] double batch_of(const JobSpec& job);

/// Training loss after k epochs: 1 / (b0 k + b1) + b2. Source: Optimus, equation of the loss.
struct LossCurve {
  double b0 = 0;  ///< > 0.
  double b1 = 1;  ///< > 0.
  double b2 = 0;  ///< >= 0; what the loss tends to.

  [[nodiscard]] double loss_at(double epoch) const;
};

/// A measured loss.
struct LossPoint {
  double epoch = 0;
  double loss = 0;
};

/// Fits the curve: for each b2 of a grid below the least loss, b0 and b1 by non-negative least
/// squares; the b2 with the least error of the loss wins. Later thirds of the points weigh 4 times
/// as much as the third before. Nothing if there are fewer than 3 points or the loss does not fall.
[[nodiscard]] std::optional<LossCurve> fit_loss(std::span<const LossPoint> points);

/// First whole epoch k at which the loss has fallen by at most `drop` over the last `window`
/// epochs; at most `most`.
[[nodiscard]] double epochs_to_converge(const LossCurve& curve, double drop, int window, int most);

}  // namespace bourse
