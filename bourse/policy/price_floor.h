#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "bourse/policy/slot_index.h"

namespace bourse {

/// Least prices by time, machine class and resource: what a unit is expected to be worth to jobs
/// that have not arrived yet. The price of a unit on a machine in a slot is then
///   max(exponential price of the machine's state, floor of (slot, class of the machine,
///   resource)).
/// Constant over intervals of slots, so that a floor over a long horizon costs as much memory and
/// time as it has steps. An interval reaches up to the next one, the last one for ever; before the
/// first the floor is 0.
/// Units: utility for one price unit (price_units in prices.h) of the resource in one slot.
class PriceFloor {
 public:
  using Interval = std::size_t;

  /// Requires both counts to be those of the cluster whose machines are priced.
  PriceFloor(std::size_t class_count, std::size_t resource_count)
      : class_count_(class_count), resource_count_(resource_count) {}

  /// From slot `from` on, until another interval begins, prices are these: class-major, one a
  /// resource, each >= 0. Requires `from` to be later than that of the interval before.
  void append(SlotIndex from, std::span<const double> prices);

  /// The interval a slot lies in; 0 is the time before the first appended one.
  /// Cost: O(log intervals).
  [[nodiscard]] Interval interval_of(SlotIndex slot) const;
  [[nodiscard]] std::size_t interval_count() const { return starts_.size() + 1; }
  /// First slot after the interval; the largest SlotIndex for the last one.
  [[nodiscard]] SlotIndex end_of(Interval interval) const {
    return interval < starts_.size() ? starts_[interval] : std::numeric_limits<SlotIndex>::max();
  }
  /// The floor of each resource on machines of a class; empty where there is none.
  [[nodiscard]] std::span<const double> prices(Interval interval, std::size_t class_index) const;

 private:
  std::size_t class_count_;
  std::size_t resource_count_;
  std::vector<SlotIndex> starts_;  ///< Of intervals 1, 2, ...; rising.
  std::vector<double> prices_;     ///< Interval-major from interval 1 on, then class, resource.
};

}  // namespace bourse
