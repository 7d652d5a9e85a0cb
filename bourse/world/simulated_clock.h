#pragma once

#include "bourse/world/clock.h"
#include "bourse/world/simulated_schedule.h"

namespace bourse {

/// The clock as one simulated process sees it; its calls go with it.
class SimulatedClock final : public Clock {
 public:
  /// `unix_offset` is that of the host and may change.
  SimulatedClock(SimulatedSchedule& schedule, Life life, const Seconds& unix_offset)
      : schedule_(schedule), life_(std::move(life)), unix_offset_(unix_offset) {}

  [[nodiscard]] Seconds now() const override { return schedule_.now(); }
  [[nodiscard]] Seconds unix_time() const override { return schedule_.now() + unix_offset_; }
  TimerId call_at(Seconds when, std::function<void()> callback) override {
    return *life_ ? schedule_.at(when, life_, std::move(callback)) : 0;
  }
  void cancel(TimerId timer) override {
    if (*life_) schedule_.cancel(timer);
  }

 private:
  SimulatedSchedule& schedule_;
  Life life_;
  const Seconds& unix_offset_;
};

}  // namespace bourse
