#pragma once

#include <vector>

#include "bourse/base/id.h"
#include "bourse/policy/ring_contention.h"

namespace bourse {

/// The GPUs as a batch is planned on them.
struct GpuTimes {
  /// Of each machine, until when each GPU is busy, seconds from now, in increasing order; no GPUs
  /// for a machine that is down.
  std::vector<std::vector<double>> busy;
  std::vector<int> crossing;  ///< Rings that span machines, by machine.
};

/// A job to be planned.
struct BcoJob {
  JobId id;
  const JobSpec* spec = nullptr;
  double samples = 0;       ///< Left to do.
  int workers = 1;          ///< Gang.
  int gpus_per_worker = 1;  ///< At least 1.
};

/// Where and when a job shall run.
struct BcoPlacement {
  JobId id;
  double start = 0;  ///< Seconds from now.
  double end = 0;
  std::vector<std::pair<MachineId, int>> workers;  ///< By machine.
};

struct BcoOptions {
  ContentionOptions contention;
  double lambda = 1.5;  ///< Spare GPUs among which wide jobs choose, >= 1; more cross more links.
  int bisections = 8;   ///< Of the time budget; more come closer to the least makespan.
};

/// Plans a batch: jobs by increasing number of workers (then id), all or nothing on their GPUs and
/// without pause, for the least makespan. For every time budget theta (bisected) and every border
/// kappa among the sizes of the jobs: a job of at most kappa workers goes to the machine on which
/// it starts first, the fullest of these, or over the machines with most room where that ends
/// earlier, within theta; a wider one takes machines by mean busy time until they have lambda times
/// its GPUs, and of these the least busy. The plan with the least makespan wins (ties: the smaller
/// kappa) and is booked into `times`. Jobs that do not fit the GPUs at all are left out.
/// Source: Yu et al., SJF-BCO, MobiHoc'22. Cost: O(bisections sizes jobs GPUs).
[[nodiscard]] std::vector<BcoPlacement> plan_batch(std::vector<BcoJob> jobs, GpuTimes& times,
                                                   const BcoOptions& options);

}  // namespace bourse
