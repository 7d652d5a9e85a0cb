#pragma once

#include <chrono>

namespace bourse::training {

/// Seconds of a clock that never goes back; only differences mean something.
[[nodiscard]] inline double monotonic_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace bourse::training
