#include "bourse/policy/optimus_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "bourse/policy/job_sizes.h"
#include "bourse/solver/nonnegative_least_squares.h"

namespace bourse {
namespace {

/// Factors of t0 .. t4 in the time of a step.
std::array<double, 5> terms(TaskCounts tasks, double batch, bool has_servers) {
  const double w = tasks.workers;
  const double p = tasks.servers;
  return {batch / w, 1, has_servers ? w / p : 0, w, has_servers ? p : 0};
}

bool uses_servers(const SpeedModel& model) { return model.theta[2] > 0 || model.theta[4] > 0; }

constexpr int kLossGrid = 100;  ///< Steps in which b2 is looked for.

double weight_of(std::size_t position, std::size_t count) {
  const std::size_t third = 3 * position / count;
  return third == 0 ? 1 : third == 1 ? 4 : 16;
}

double loss_error(const LossCurve& curve, std::span<const LossPoint> points) {
  double sum = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double error =
        (curve.loss_at(points[i].epoch) - points[i].loss) * weight_of(i, points.size());
    sum += error * error;
  }
  return sum;
}

/// b0 and b1 for a given b2: 1 / (l - b2) = b0 k + b1, weighted so that errors are those of l.
std::optional<LossCurve> fit_above(std::span<const LossPoint> points, double b2) {
  std::vector<LeastSquaresRow> rows;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double above = points[i].loss - b2;
    if (above <= 0) return std::nullopt;
    rows.push_back({.values = {points[i].epoch, 1},
                    .target = 1 / above,
                    .weight = above * above * weight_of(i, points.size())});
  }
  const std::vector<double> b = nonnegative_least_squares(rows, 2);
  if (b[0] <= 0 || b[1] <= 0) return std::nullopt;
  return LossCurve{b[0], b[1], b2};
}

}  // namespace

double SpeedModel::steps_per_second(TaskCounts tasks) const {
  const bool has_servers = uses_servers(*this);
  if (tasks.workers <= 0 || (has_servers && tasks.servers <= 0)) return 0;
  const std::array<double, 5> factors = terms(tasks, batch, has_servers);
  double seconds = 0;
  for (std::size_t i = 0; i < theta.size(); ++i) seconds += theta[i] * factors[i];
  return seconds > 0 ? 1 / seconds : 0;
}

SpeedModel fit_speed(std::span<const SpeedPoint> points, double batch) {
  const bool has_servers =
      std::ranges::any_of(points, [](const SpeedPoint& p) { return p.tasks.servers > 0; });
  std::vector<LeastSquaresRow> rows;
  for (const SpeedPoint& point : points) {
    if (point.steps_per_second <= 0 || point.tasks.workers <= 0) continue;
    if (has_servers && point.tasks.servers <= 0) continue;
    const std::array<double, 5> factors = terms(point.tasks, batch, has_servers);
    rows.push_back({.values = {factors.begin(), factors.end()},
                    .target = 1 / point.steps_per_second,
                    .weight = point.steps_per_second});
  }
  const std::vector<double> theta = nonnegative_least_squares(rows, 5);
  SpeedModel model{.batch = batch};
  std::ranges::copy(theta, model.theta.begin());
  return model;
}

double mean_relative_error(const SpeedModel& model, std::span<const SpeedPoint> points) {
  double sum = 0;
  for (const SpeedPoint& point : points)
    sum += std::abs(model.steps_per_second(point.tasks) / point.steps_per_second - 1);
  return points.empty() ? 0 : sum / static_cast<double>(points.size());
}

double batch_of(const JobSpec& job) {
  if (const auto* ps = std::get_if<ParameterServerThroughput>(&job.throughput))
    return ps->global_batch;
  if (const auto* ring = std::get_if<RingThroughput>(&job.throughput)) return ring->global_batch;
  return 1;
}

std::vector<SpeedPoint> profile_points(const JobSpec& job) {
  const double batch = batch_of(job);
  const bool is_ps = std::holds_alternative<ParameterServerThroughput>(job.throughput);
  std::vector<SpeedPoint> points;
  const auto measure = [&](TaskCounts tasks) {
    const double speed = farthest_speed(job, tasks);
    if (speed > 0) points.push_back({tasks, speed / batch});
  };
  const int most = max_workers(job.throughput);
  for (int n = min_workers(job.throughput);;
       n = next_workers(job.throughput, std::max(n, 2 * n - 1))) {
    const TaskCounts enough = bundle(job, n);
    measure(enough);
    if (is_ps && enough.servers > 1) measure({n, (enough.servers + 1) / 2});
    if (is_ps) measure({n, enough.servers + 1});
    if (n >= most) break;
  }
  return points;
}

double LossCurve::loss_at(double epoch) const { return 1 / (b0 * epoch + b1) + b2; }

std::optional<LossCurve> fit_loss(std::span<const LossPoint> points) {
  if (points.size() < 3) return std::nullopt;
  const double least = std::ranges::min(points, {}, &LossPoint::loss).loss;
  std::optional<LossCurve> best;
  double best_error = std::numeric_limits<double>::infinity();
  for (int step = 0; step < kLossGrid; ++step) {
    const auto curve = fit_above(points, least * step / kLossGrid);
    if (!curve) continue;
    const double error = loss_error(*curve, points);
    if (error >= best_error) continue;
    best_error = error;
    best = curve;
  }
  return best;
}

double epochs_to_converge(const LossCurve& curve, double drop, int window, int most) {
  for (int k = window; k < most; ++k)
    if (curve.loss_at(k - window) - curve.loss_at(k) <= drop) return k;
  return most;
}

}  // namespace bourse
