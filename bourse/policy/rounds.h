#pragma once

#include <algorithm>

#include "bourse/policy/policy.h"

namespace bourse {

/// Paces a policy that thinks once a round. A round begins with a wake-up, so that all that happens
/// at one instant is seen together; rounds are at least `interval` apart, and the first event after
/// a longer pause begins one at once. With an interval of 0 every instant at which something
/// happens is a round.
class Rounds {
 public:
  explicit Rounds(Seconds interval) : interval_(interval) {}

  /// True if this event begins a round.
  [[nodiscard]] bool begins(const ClusterState& state, const Event& event) {
    if (event.kind != EventKind::wake || state.now() < next_) return false;
    next_ = state.now() + interval_;
    return true;
  }
  /// True if a round is due at this very instant, or by its end.
  [[nodiscard]] bool is_due(const ClusterState& state) const { return state.now() >= next_; }
  /// When to wake after an event that began no round.
  [[nodiscard]] Seconds wake_after_event(const ClusterState& state) const {
    return std::max(next_, state.now());
  }
  /// When to wake after a round. `is_still`: the next round would come to the same.
  [[nodiscard]] Seconds wake_after_round(bool is_still) const {
    return is_still || interval_ <= Seconds(0) ? kForever : next_;
  }

 private:
  Seconds interval_;
  Seconds next_{0};
};

}  // namespace bourse
