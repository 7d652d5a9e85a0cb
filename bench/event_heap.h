#pragma once

#include <vector>

#include "bourse/model/workload.h"

namespace bourse {

/// What a simulation needs of a gang.
struct BareJob {
  double arrival = 0;   ///< Seconds.
  double duration = 0;  ///< Seconds.
  int gpus = 0;
};

/// The jobs of a trace, whose workers have a GPU each.
[[nodiscard]] std::vector<BareJob> bare_jobs(const Instance& instance);

/// The least that a simulation of strict FIFO can do: a heap of two events a job and one counter of
/// free GPUs; no machines, no policy, no records. Returns the mean completion time in seconds.
[[nodiscard]] double replay_on_bare_heap(const std::vector<BareJob>& jobs, int gpus);

}  // namespace bourse
