#pragma once

#include <vector>

#include "bourse/model/job.h"

namespace bourse {

/// Sorts by arrival; jobs that arrive at once keep their order.
/// Cost: O(n log n), each job is moved at most twice.
void sort_by_arrival(std::vector<JobSpec>& jobs);

}  // namespace bourse
