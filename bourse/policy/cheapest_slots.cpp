#include "bourse/policy/cheapest_slots.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bourse/base/check.h"

namespace bourse {

bool CheapestSlots::would_take(double cost) const {
  if (cost == std::numeric_limits<double>::infinity()) return false;
  return kept_ < wanted_ || (!entries_.empty() && cost < entries_.top().cost);
}

void CheapestSlots::add_to_sum(double value) {
  const double sum = sum_ + value;
  lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - sum) + value : (value - sum) + sum_;
  sum_ = sum;
}

void CheapestSlots::add(SlotIndex first, SlotIndex count, double cost) {
  BOURSE_CHECK(would_take(cost));
  BOURSE_CHECK(count <= std::max(missing(), SlotIndex{1}));
  entries_.push({cost, first, count});
  added_.push_back({cost, first, count});
  kept_ += count;
  add_to_sum(cost * static_cast<double>(count));
  if (kept_ <= wanted_) return;
  Entry top = entries_.top();
  entries_.pop();
  dropped_.push_back(top.first + top.count - 1);
  add_to_sum(-top.cost);
  --kept_;
  if (--top.count > 0) entries_.push(top);
}

std::vector<SlotIndex> CheapestSlots::slots_at(Mark mark) const {
  std::vector<SlotIndex> dropped(dropped_.begin(),
                                 dropped_.begin() + static_cast<std::ptrdiff_t>(mark.dropped));
  std::ranges::sort(dropped);
  std::vector<SlotIndex> slots;
  for (std::size_t i = 0; i < mark.added; ++i)
    for (SlotIndex slot = added_[i].first; slot < added_[i].first + added_[i].count; ++slot)
      if (!std::ranges::binary_search(dropped, slot)) slots.push_back(slot);
  return slots;
}

}  // namespace bourse
