#include "bourse/policy/price_floor.h"

#include <algorithm>

#include "bourse/base/check.h"

namespace bourse {

void PriceFloor::append(SlotIndex from, std::span<const double> prices) {
  BOURSE_CHECK(starts_.empty() || from > starts_.back());
  BOURSE_CHECK(prices.size() == class_count_ * resource_count_);
  BOURSE_CHECK(std::ranges::all_of(prices, [](double price) { return price >= 0; }));
  starts_.push_back(from);
  prices_.insert(prices_.end(), prices.begin(), prices.end());
}

PriceFloor::Interval PriceFloor::interval_of(SlotIndex slot) const {
  return static_cast<Interval>(std::ranges::upper_bound(starts_, slot) - starts_.begin());
}

std::span<const double> PriceFloor::prices(Interval interval, std::size_t class_index) const {
  if (interval == 0) return {};
  const std::size_t row = (interval - 1) * class_count_ + class_index;
  return std::span(prices_).subspan(row * resource_count_, resource_count_);
}

}  // namespace bourse
