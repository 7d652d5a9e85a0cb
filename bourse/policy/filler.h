#pragma once

#include <optional>

#include "bourse/model/allocation.h"
#include "bourse/model/job.h"
#include "bourse/policy/placement.h"

namespace bourse {

/// The fastest placement of the job in what is free, on one machine or spread, with no more workers
/// than a rate of `enough` samples a second takes; nothing if not even its smallest size fits.
/// Cost: two placements for each doubling of the largest number of workers.
[[nodiscard]] std::optional<Allocation> largest_placement(const FreeCapacity& free,
                                                          const JobSpec& job, double enough);

}  // namespace bourse
