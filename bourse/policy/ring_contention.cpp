#include "bourse/policy/ring_contention.h"

#include <algorithm>
#include <variant>

#include "bourse/policy/in_order.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {

Seconds step_time(const RingStep& step) {
  const double part = static_cast<double>(step.workers - 1) / step.workers;
  const Seconds exchange = 2 * part * step.gradient / step.rate;
  const Seconds reduce = part * step.gradient / step.reduce_rate;
  return exchange + reduce + step.compute + step.overhead;
}

double contention_divisor(double alpha, double jobs) { return jobs + alpha * (jobs - 1); }

Seconds contended_duration(const JobSpec& job, double samples, int machines, double jobs,
                           const ContentionOptions& options) {
  const TaskCounts tasks = requested_tasks(job);
  const auto* ring = std::get_if<RingThroughput>(&job.throughput);
  if (ring == nullptr || machines == 1) {
    const Locality locality = machines == 1 ? Locality::machine : Locality::cluster;
    return Seconds(samples / samples_per_second(job.throughput, tasks, locality));
  }
  const int workers = std::min(tasks.workers, ring->global_batch);
  const double divisor = contention_divisor(options.alpha, std::max(1.0, jobs));
  const RingStep step{.gradient = ring->gradient,
                      .workers = workers,
                      .rate = ring->rate_across / divisor,
                      .compute = ring->compute_per_sample * ring->global_batch / workers,
                      .overhead = options.per_machine * machines};
  return samples / ring->global_batch * step_time(step);
}

}  // namespace bourse
