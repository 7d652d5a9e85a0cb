#pragma once

#include <functional>
#include <memory>

#include "bourse/world/timer_queue.h"

namespace bourse {

/// True as long as a simulated process lives. Shared by the process and by what may come later and
/// must not come when it is dead.
using Life = std::shared_ptr<bool>;

/// The events to come of a simulation, and its time.
class SimulatedSchedule {
 public:
  [[nodiscard]] Seconds now() const { return now_; }
  TimerId at(Seconds when, std::function<void()> call);
  TimerId after(Seconds delay, std::function<void()> call) {
    return at(now_ + delay, std::move(call));
  }
  /// The same; nothing happens if `life` is over by then.
  TimerId at(Seconds when, const Life& life, std::function<void()> call);
  void cancel(TimerId timer) { events_.cancel(timer); }

  /// Goes to the next event and makes it happen; false if it would be later than `limit`.
  bool step(Seconds limit);
  /// No event is before it. Requires that none is left up to then.
  void advance_to(Seconds when) { now_ = when; }
  /// How many events there were.
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  TimerQueue events_;
  Seconds now_{1};
  std::uint64_t count_ = 0;
};

}  // namespace bourse
