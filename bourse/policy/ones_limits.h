#pragma once

#include <optional>

#include "bourse/model/adaptive_throughput.h"

namespace bourse {

/// Batch and learning rate of a job with n workers.
struct OnesBatch {
  int per_worker = 0;
  int global = 0;
  double learning_rate = 0;
};

/// While the learning rate may grow, every worker has the base batch; from then on the global batch
/// is frozen and split. Source: ONES artifact, controller.
[[nodiscard]] OnesBatch ones_batch(const AdaptiveThroughput& job, int workers);

/// R doubles once the job has all of it; at most `most`.
[[nodiscard]] int scaled_up_limit(int limit, int gpus, int most);

/// The GPUs that a job which has run longer than the median is cut to: 2 n / (run / median + 1),
/// rounded down, then up to an even number; nothing if it has not run longer.
[[nodiscard]] std::optional<int> scaled_down_limit(int gpus, double run_s, double median_run_s);

/// The limit of a job that a deployment has left out: half of it, at least `least`.
[[nodiscard]] int left_out_limit(int limit, int least);

}  // namespace bourse
