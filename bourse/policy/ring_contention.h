#pragma once

#include <limits>

#include "bourse/model/job.h"

namespace bourse {

/// One step of a ring all-reduce.
struct RingStep {
  Bytes gradient{0};         ///< m.
  int workers = 1;           ///< w, at least 1.
  BytesPerSecond rate{1};    ///< B, of the slowest link of the ring.
  BytesPerSecond reduce_rate{///< C, at which a worker adds up what it receives.
                             std::numeric_limits<double>::infinity()};
  Seconds compute{0};   ///< Forward and backward pass of a worker.
  Seconds overhead{0};  ///< Of the step, for the machines that the ring spans.
};

/// 2 m (w - 1) / (w B) + m (w - 1) / (w C) + compute + overhead. Source: SJF-BCO, tau_j.
[[nodiscard]] Seconds step_time(const RingStep& step);

/// f(alpha, k) = k + alpha (k - 1): what the bandwidth of a link is divided by when k jobs use it;
/// alpha is what sharing itself costs. Source: SJF-BCO.
[[nodiscard]] double contention_divisor(double alpha, double jobs);

/// What estimates of SJF-BCO assume.
struct ContentionOptions {
  double alpha = 0.2;         ///< Of contention_divisor.
  double crossing_share = 1;  ///< xi1: how much of the rings that cross a link count for it.
  Seconds per_machine{0};     ///< xi2: overhead of a step for each machine of the ring.
};

/// How long `samples` of the job take with the tasks it requests over so many machines, with `jobs`
/// rings (itself among them) on its busiest link. Only rings feel contention; other shapes have
/// their declared speed, near or far. Infinite if they make no progress so far apart.
[[nodiscard]] Seconds contended_duration(const JobSpec& job, double samples, int machines,
                                         double jobs, const ContentionOptions& options);

}  // namespace bourse
