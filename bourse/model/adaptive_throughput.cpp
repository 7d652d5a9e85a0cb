#include "bourse/model/adaptive_throughput.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace bourse {
namespace {

constexpr int kBatchChoices = 50;
constexpr int kMaxBatch = 100'000'000;

/// (a^g + b^g)^(1/g), without a power for the frequent cases.
double overlapped(double a, double b, double overlap) {
  if (overlap == 1 || a == 0 || b == 0) return a + b;
  return std::pow(std::pow(a, overlap) + std::pow(b, overlap), 1 / overlap);
}

double sync_seconds(const AdaptiveThroughput& job, int workers, bool is_spread) {
  if (workers < 2) return 0;
  const Seconds fixed = is_spread ? job.sync_across : job.sync_inside;
  const Seconds each = is_spread ? job.sync_across_per_worker : job.sync_inside_per_worker;
  return (fixed + (workers - 2) * each).value;
}

bool is_time(Seconds value) { return std::isfinite(value.value) && value.value >= 0; }

Result<void> check_times(const AdaptiveThroughput& job) {
  if (!is_time(job.step_fixed)) return invalid("step_fixed must be a duration of at least 0");
  if (!is_time(job.step_per_sample) || job.step_per_sample <= Seconds(0))
    return invalid("step_per_sample must be above 0");
  if (!is_time(job.sync_inside)) return invalid("sync_inside must be a duration of at least 0");
  if (!is_time(job.sync_inside_per_worker))
    return invalid("sync_inside_per_worker must be a duration of at least 0");
  if (!is_time(job.sync_across) || job.sync_across < job.sync_inside)
    return invalid("sync_across must be at least sync_inside");
  if (!is_time(job.sync_across_per_worker) ||
      job.sync_across_per_worker < job.sync_inside_per_worker)
    return invalid("sync_across_per_worker must be at least sync_inside_per_worker");
  if (!(job.overlap >= 1 && job.overlap <= 10)) return invalid("overlap must be from 1 to 10");
  return {};
}

}  // namespace

double statistical_efficiency(const AdaptiveThroughput& job, double batch) {
  return (job.noise_scale + job.base_batch) / (job.noise_scale + batch);
}

int largest_batch(const AdaptiveThroughput& job) {
  const double times = job.max_learning_rate / job.base_learning_rate;
  return static_cast<int>(
      std::min<double>(std::floor(job.base_batch * times * (1 + 1e-12)), kMaxBatch));
}

double learning_rate(const AdaptiveThroughput& job, double batch) {
  return std::min(job.max_learning_rate, job.base_learning_rate * batch / job.base_batch);
}

double warmed_up_rate(double old_rate, double new_rate, double share) {
  return old_rate + (new_rate - old_rate) * std::clamp(share, 0.0, 1.0);
}

TrainingPace pace_at(const AdaptiveThroughput& job, int workers, bool is_spread, double speed,
                     int batch) {
  const int n = std::min({workers, job.max_workers, batch});
  const double at_once = static_cast<double>(n) * job.max_batch_per_worker;
  const double passes = std::max(1.0, std::ceil(batch / at_once));
  const double samples = batch / (n * passes);
  const double pass = (job.step_fixed + samples * job.step_per_sample).value / speed;
  const double step =
      (passes - 1) * pass + overlapped(pass, sync_seconds(job, n, is_spread), job.overlap);
  const double trained = batch / step;
  return {trained, trained * statistical_efficiency(job, batch)};
}

int best_batch(const AdaptiveThroughput& job, int workers, bool is_spread, double speed) {
  const double most = largest_batch(job);
  const double least = job.base_batch;
  int best = job.base_batch;
  double best_progress = 0;
  for (int i = 0; i < kBatchChoices; ++i) {
    const double exact = least * std::pow(most / least, i / (kBatchChoices - 1.0));
    const int batch = static_cast<int>(std::min(most, std::round(exact)));
    const double progress = pace_at(job, workers, is_spread, speed, batch).progress;
    if (progress <= best_progress * (1 + 1e-12)) continue;
    best_progress = progress;
    best = batch;
  }
  return best;
}

double progress_bound(const AdaptiveThroughput& job, int workers, bool is_spread, double speed) {
  constexpr double kSlack = 1e-3;
  const auto progress_at = [&](int batch) {
    return pace_at(job, workers, is_spread, speed, batch).progress;
  };
  // A step never gets shorter as its batch grows and its worth never gets less. So no batch
  // from low to high has more than the worth of a step at high in the time of one at low.
  const auto most_between = [&](int low, int high) {
    const double step_at_low = low / pace_at(job, workers, is_spread, speed, low).trained;
    return high * statistical_efficiency(job, high) / step_at_low;
  };
  double best = std::max(progress_at(job.base_batch), progress_at(largest_batch(job)));
  std::vector<std::pair<int, int>> open{{job.base_batch, largest_batch(job)}};
  double bound = best;
  while (!open.empty()) {
    const auto [low, high] = open.back();
    open.pop_back();
    if (high - low < 2) continue;  // Both ends have been looked at.
    const double most = most_between(low, high);
    if (most <= best * (1 + kSlack)) {
      bound = std::max(bound, most);
      continue;
    }
    const int middle = static_cast<int>(std::sqrt(static_cast<double>(low) * high));
    const int split = std::clamp(middle, low + 1, high - 1);
    best = std::max(best, progress_at(split));
    bound = std::max(bound, best);
    open.emplace_back(low, split);
    open.emplace_back(split, high);
  }
  return bound;
}

double epochs_to_accuracy(const AdaptiveThroughput& job, double work, double batch) {
  return work / statistical_efficiency(job, batch) / job.epoch_samples;
}

Result<void> check(const AdaptiveThroughput& job) {
  BOURSE_TRY_VOID(check_times(job));
  const auto is_count = [](int value) { return value >= 1 && value <= 1'000'000; };
  if (!is_count(job.base_batch))
    return invalid("base_batch must be a whole number from 1 to 1000000");
  if (!is_count(job.max_batch_per_worker))
    return invalid("max_batch_per_worker must be a whole number from 1 to 1000000");
  if (job.max_workers < 1 || job.max_workers > kMaxAdaptiveWorkers)
    return invalid("max_workers must be a whole number from 1 to 10000");
  if (!std::isfinite(job.noise_scale) || job.noise_scale < 0)
    return invalid("noise_scale must be a number of at least 0");
  if (!std::isfinite(job.epoch_samples) || job.epoch_samples <= 0)
    return invalid("epoch must be above 0");
  if (!std::isfinite(job.base_learning_rate) || job.base_learning_rate <= 0)
    return invalid("base_learning_rate must be above 0");
  if (!std::isfinite(job.max_learning_rate) || job.max_learning_rate < job.base_learning_rate)
    return invalid("max_learning_rate must be at least base_learning_rate");
  if (job.requested_batch < job.base_batch || job.requested_batch > largest_batch(job))
    return invalid(
        "requested_batch must be from base_batch to base_batch x max_learning_rate / "
        "base_learning_rate");
  return {};
}

}  // namespace bourse
