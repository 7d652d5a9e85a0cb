#include "bourse/world/timer_queue.h"

#include <cmath>

#include "bourse/base/check.h"

namespace bourse {

TimerId TimerQueue::add(Seconds when, std::function<void()> callback) {
  BOURSE_CHECK(!std::isnan(when.value));
  const TimerId timer = ++last_;
  timers_.emplace(timer, Timer{when, std::move(callback)});
  order_.emplace(when, timer);
  return timer;
}

void TimerQueue::cancel(TimerId timer) { (void)take(timer); }

Seconds TimerQueue::first() const { return order_.empty() ? kForever : order_.begin()->first; }

std::vector<TimerId> TimerQueue::due(Seconds now) const {
  std::vector<TimerId> timers;
  for (const auto& [when, timer] : order_) {
    if (when > now) break;
    timers.push_back(timer);
  }
  return timers;
}

std::function<void()> TimerQueue::take(TimerId timer) {
  const auto entry = timers_.find(timer);
  if (entry == timers_.end()) return nullptr;
  std::function<void()> callback = std::move(entry->second.callback);
  order_.erase({entry->second.when, timer});
  timers_.erase(entry);
  return callback;
}

}  // namespace bourse
