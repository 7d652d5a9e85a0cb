#pragma once

#include <functional>

#include "bourse/policy/policy.h"
#include "bourse/policy/rounds.h"

namespace bourse {

/// True if nothing waits and no active job could change its size.
[[nodiscard]] bool is_settled(const ClusterState& state);

/// The answer of a policy that divides the cluster anew each round. A round is what `divide` says,
/// unless nothing could change; it wakes for the next one while something runs or has changed.
/// Between rounds, if `gangs_at_once`, jobs that have one size only and wait start in order of
/// arrival wherever they fit what is free; one that does not fit is skipped. On an arrival only the
/// newcomer can, as nothing has become free. A newcomer that waits gets a reason.
/// Cost: O(machines) for each job tried; a job like one that did not fit is passed over.
[[nodiscard]] Decision divide_in_rounds(const ClusterState& state, const Event& event,
                                        Rounds& rounds, bool gangs_at_once,
                                        const std::function<Decision()>& divide);

}  // namespace bourse
