#pragma once

#include <string>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// Processor seconds of each decision of a policy that has 1,600 machines of 8 CPUs and 8 GPUs and
/// keeps 800 elastic jobs with parameter servers on them: in each of `rounds` rounds of 10 minutes
/// the jobs that are done leave, as many others arrive, and the policy divides the cluster anew.
/// Begins after the rounds in which the cluster fills. Errors: those of make_policy.
[[nodiscard]] Result<std::vector<double>> decisions_on_large_cluster(const std::string& policy,
                                                                     int rounds);

}  // namespace bourse
