#pragma once

#include "bourse/world/clock.h"
#include "bourse/world/event_loop.h"

namespace bourse {

/// The clocks of the system.
class RealClock final : public Clock {
 public:
  explicit RealClock(EventLoop& loop) : loop_(loop) {}
  [[nodiscard]] Seconds now() const override { return loop_.now(); }
  [[nodiscard]] Seconds unix_time() const override;
  TimerId call_at(Seconds when, std::function<void()> callback) override {
    return loop_.call_at(when, std::move(callback));
  }
  void cancel(TimerId timer) override { loop_.cancel(timer); }

 private:
  EventLoop& loop_;
};

}  // namespace bourse
