#pragma once

#include <chrono>

namespace bourse::program {

/// When somebody stops waiting, on the clock that never jumps.
using Deadline = std::chrono::steady_clock::time_point;
using Nanoseconds = std::chrono::nanoseconds;

/// Nobody stops waiting.
inline constexpr Deadline kNoDeadline = Deadline::max();

/// Nobody waits at all.
inline constexpr Deadline kNoWait = Deadline::min();

/// This moment.
[[nodiscard]] inline Deadline now() { return std::chrono::steady_clock::now(); }

/// `span` from now; kNoDeadline if that is centuries away.
[[nodiscard]] inline Deadline deadline_in(Nanoseconds span) {
  const Deadline start = now();
  return span > kNoDeadline - start ? kNoDeadline : start + span;
}

}  // namespace bourse::program
