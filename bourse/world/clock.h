#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "bourse/base/quantity.h"

namespace bourse {

/// Names a call that is due later; 0 names none.
using TimerId = std::uint64_t;

/// Time, and calls at a later time.
///
/// All of `world` belongs to one thread, that of its loop: functions are called from there, and
/// callbacks come from there, never from within the call that asked for them.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Time since an arbitrary instant; never goes back, goes on while the machine sleeps.
  [[nodiscard]] virtual Seconds now() const = 0;
  /// Time since 1970-01-01 UTC as the machine believes it; may jump either way.
  [[nodiscard]] virtual Seconds unix_time() const = 0;
  /// Calls back once at `when` (of now()), or as soon as possible if that is past. Calls that are
  /// due at the same instant come in the order in which they were asked for.
  virtual TimerId call_at(Seconds when, std::function<void()> callback) = 0;
  /// The call does not come. Nothing happens if it has come already or names none.
  virtual void cancel(TimerId timer) = 0;

  /// Calls back `delay` from now.
  TimerId call_in(Seconds delay, std::function<void()> callback) {
    return call_at(now() + delay, std::move(callback));
  }
};

}  // namespace bourse
