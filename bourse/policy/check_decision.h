#pragma once

#include "bourse/base/error.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// A policy that is not part of this program, such as a process of the user's: it may fail, and its
/// decisions are checked before anyone acts on them.
class ForeignPolicy {
 public:
  virtual ~ForeignPolicy() = default;
  /// Errors: unavailable if it is gone; deadline_exceeded if it did not answer in time;
  /// invalid_argument if its answer makes no sense.
  virtual Result<Decision> decide(const ClusterState& state, const Event& event) = 0;
};

/// Whether the state can take the decision: jobs are active and named once, allocations are on
/// machines that are up, in order, and fit once all releases are made; declined jobs hold nothing;
/// the wish to wake is not in the past. Errors: invalid_argument, naming job and machine.
[[nodiscard]] Result<void> check_decision(const ClusterState& state, const Decision& decision);

}  // namespace bourse
