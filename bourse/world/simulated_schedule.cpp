#include "bourse/world/simulated_schedule.h"

#include <algorithm>

namespace bourse {

TimerId SimulatedSchedule::at(Seconds when, std::function<void()> call) {
  return events_.add(std::max(when, now_), std::move(call));
}

TimerId SimulatedSchedule::at(Seconds when, const Life& life, std::function<void()> call) {
  return at(when, [life, call = std::move(call)] {
    if (*life) call();
  });
}

bool SimulatedSchedule::step(Seconds limit) {
  const Seconds first = events_.first();
  if (first > limit || first == kForever) return false;
  now_ = first;
  ++count_;
  const std::function<void()> call = events_.take_first();
  call();
  return true;
}

}  // namespace bourse
