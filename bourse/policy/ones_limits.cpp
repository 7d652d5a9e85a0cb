#include "bourse/policy/ones_limits.h"

#include <algorithm>

namespace bourse {

OnesBatch ones_batch(const AdaptiveThroughput& job, int workers) {
  if (job.base_learning_rate * workers <= job.max_learning_rate * (1 + 1e-12))
    return {job.base_batch, job.base_batch * workers, job.base_learning_rate * workers};
  const int per_worker = std::max(1, largest_batch(job) / workers);
  const int global = std::clamp(per_worker * workers, job.base_batch, largest_batch(job));
  return {per_worker, global, job.max_learning_rate};
}

int scaled_up_limit(int limit, int gpus, int most) {
  return gpus >= limit ? std::min(most, 2 * limit) : limit;
}

std::optional<int> scaled_down_limit(int gpus, double run_s, double median_run_s) {
  if (median_run_s <= 0 || run_s <= median_run_s) return std::nullopt;
  const int limit = std::max(1, static_cast<int>(2 * gpus / (run_s / median_run_s + 1)));
  return std::min(gpus, limit + limit % 2);
}

int left_out_limit(int limit, int least) { return std::max(least, limit / 2); }

}  // namespace bourse
