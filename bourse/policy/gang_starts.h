#pragma once

#include <vector>

#include "bourse/policy/policy.h"

namespace bourse {

/// Between two rounds of a policy: jobs that have one size only and wait start in order of arrival
/// wherever they fit what is free; one that does not fit is skipped. On an arrival only the
/// newcomer can, as nothing has become free. A newcomer that waits gets a reason.
/// Cost: O(machines) for each job tried; a job like one that did not fit is passed over.
void start_gangs(const ClusterState& state, const Event& event, Decision& decision);

/// True if nothing waits and no active job could change its size.
[[nodiscard]] bool is_settled(const ClusterState& state);

}  // namespace bourse
