#pragma once

#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "bourse/world/clock.h"

namespace bourse {

/// Calls that are due later, in the order of their times, then of their asking.
class TimerQueue {
 public:
  TimerId add(Seconds when, std::function<void()> callback);
  void cancel(TimerId timer);
  /// Time of the first; kForever if there is none.
  [[nodiscard]] Seconds first() const;
  /// All that are due at `now`, in order; they stay cancellable until they are taken.
  [[nodiscard]] std::vector<TimerId> due(Seconds now) const;
  /// Removes a timer and returns its call; null if it has been cancelled.
  [[nodiscard]] std::function<void()> take(TimerId timer);
  /// The same for the first. Requires that there is one.
  [[nodiscard]] std::function<void()> take_first() { return take(order_.begin()->second); }

 private:
  struct Timer {
    Seconds when;
    std::function<void()> callback;
  };
  std::map<TimerId, Timer> timers_;
  std::set<std::pair<Seconds, TimerId>> order_;
  TimerId last_ = 0;
};

}  // namespace bourse
