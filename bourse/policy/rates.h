#pragma once

#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

/// Samples a second of the job with all the workers it can use on one machine of speed 1.
[[nodiscard]] inline double full_rate(const JobSpec& job) {
  const int most = max_workers(job.throughput);
  return samples_per_second(job.throughput, {most, servers_for(job.throughput, most)},
                            Locality::machine);
}

/// Samples a second of the job with this allocation at its declared speed.
[[nodiscard]] inline double rate_of(const JobSpec& job, const Allocation& allocation,
                                    const Cluster& cluster) {
  return samples_per_second(job.throughput, tasks_of(allocation), locality_of(allocation, cluster),
                            slowest_speed(allocation, cluster));
}

/// How the job trains with this allocation and this global batch (0: as requested) at its declared
/// speed.
[[nodiscard]] inline TrainingPace pace_of(const JobSpec& job, const Allocation& allocation,
                                          const Cluster& cluster, int batch) {
  return pace_of(job.throughput, tasks_of(allocation), locality_of(allocation, cluster),
                 slowest_speed(allocation, cluster), batch);
}

}  // namespace bourse
