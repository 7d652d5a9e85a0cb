#pragma once

#include <algorithm>

#include "bourse/program/deadline.h"

namespace bourse::program {

/// Decides whether who waits for an answer asks for it again and again for a moment, before it
/// sleeps. To be woken costs more than a quick answer takes (some 10 us at either end), so where
/// the last waits were brisk, asking halves a round trip or better. It is given up where it does
/// not pay: after each time in vain twice as many brisk waits must have been seen before the next.
/// So ends that share one processor, of which one cannot answer while the other asks, lose nothing.
class BriskWait {
 public:
  /// A wait up to this long is brisk.
  static constexpr Nanoseconds kBrisk = std::chrono::microseconds(50);

  /// Until when to ask for what is waited for from `start` on; not after `start` if sleeping at
  /// once is better.
  [[nodiscard]] Deadline asks_until(Deadline start) {
    is_asking_ = brisk_waits_ >= needed_;
    return is_asking_ ? start + kBrisk : start;
  }
  /// It came while we asked.
  void has_come() { needed_ = std::max(1, needed_ / 2); }
  /// It had not come until then, and was slept for; all in all it took `span`.
  void has_slept(Nanoseconds span) {
    if (is_asking_) {
      needed_ = std::min(2 * needed_, kMostNeeded);
      brisk_waits_ = 0;
    } else {
      brisk_waits_ = span < 2 * kBrisk ? brisk_waits_ + 1 : 0;
    }
  }

 private:
  static constexpr int kMostNeeded = 64;

  int brisk_waits_ = 0;  ///< In a row, up to the last.
  int needed_ = 1;       ///< So many of them before we ask.
  bool is_asking_ = false;
};

}  // namespace bourse::program
