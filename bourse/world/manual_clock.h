#pragma once

#include <algorithm>
#include <functional>
#include <utility>

#include "bourse/world/clock.h"
#include "bourse/world/timer_queue.h"

namespace bourse {

/// Time that passes when it is told to; for tests.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Seconds now() const override { return now_; }
  [[nodiscard]] Seconds unix_time() const override { return Seconds(1.7e9) + now_; }
  TimerId call_at(Seconds when, std::function<void()> callback) override {
    return timers_.add(when, std::move(callback));
  }
  void cancel(TimerId timer) override { timers_.cancel(timer); }

  /// Calls all that is due until then, each at its time.
  void advance(Seconds by) {
    const Seconds until = now_ + by;
    while (timers_.first() <= until) {
      now_ = std::max(now_, timers_.first());
      for (const TimerId timer : timers_.due(now_))
        if (const auto call = timers_.take(timer)) call();
    }
    now_ = until;
  }
  /// Calls all that is due now.
  void settle() { advance(Seconds(0)); }

 private:
  Seconds now_{0};
  TimerQueue timers_;
};

}  // namespace bourse
