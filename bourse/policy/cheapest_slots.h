#pragma once

#include <cstddef>
#include <queue>
#include <vector>

#include "bourse/policy/slot_index.h"

namespace bourse {

/// The n cheapest of the slots added so far, which come in order; among equals the earlier stay.
/// Slots of one cost that follow one another are one entry.
/// Cost: O(log entries) to add a run, and as much for each slot that falls out.
class CheapestSlots {
 public:
  /// How far the adding has come; the slots kept at a mark can be had later.
  struct Mark {
    std::size_t added = 0;
    std::size_t dropped = 0;
  };

  /// `base_cost` is part of cost() from the start. Requires `wanted` >= 0.
  CheapestSlots(SlotIndex wanted, double base_cost) : wanted_(wanted), sum_(base_cost) {}

  [[nodiscard]] SlotIndex missing() const { return wanted_ - kept_; }
  [[nodiscard]] bool is_full() const { return kept_ == wanted_; }
  /// True if one more slot of this cost would be kept. Infinite costs never are.
  [[nodiscard]] bool would_take(double cost) const;
  /// Adds slots first .. first + count - 1, each of this cost. Requires would_take(cost), and that
  /// all but one of them are missing.
  void add(SlotIndex first, SlotIndex count, double cost);
  /// Of all slots kept, and the base.
  [[nodiscard]] double cost() const { return sum_ + lost_; }

  [[nodiscard]] Mark mark() const { return {added_.size(), dropped_.size()}; }
  /// Slots that were kept at a mark, in order.
  [[nodiscard]] std::vector<SlotIndex> slots_at(Mark mark) const;

 private:
  struct Entry {
    double cost;
    SlotIndex first;
    SlotIndex count;
    /// The dearest on top of the queue; among equals the latest.
    friend bool operator<(const Entry& a, const Entry& b) {
      return a.cost != b.cost ? a.cost < b.cost : a.first < b.first;
    }
  };
  void add_to_sum(double value);

  SlotIndex wanted_;
  SlotIndex kept_ = 0;
  double sum_;
  double lost_ = 0;  ///< What rounding took from sum_ (Neumaier): dear slots come and go.
  std::priority_queue<Entry> entries_;
  std::vector<Entry> added_;
  std::vector<SlotIndex> dropped_;
};

}  // namespace bourse
