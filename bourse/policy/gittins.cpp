#include "bourse/policy/gittins.h"

#include <algorithm>

namespace bourse {

void GittinsTable::add(double size) {
  sizes_.push_back(size);
  is_settled_ = false;
}

void GittinsTable::settle() const {
  if (is_settled_) return;
  std::ranges::sort(sizes_);
  sum_to_.assign(1, 0);
  for (const double size : sizes_) sum_to_.push_back(sum_to_.back() + size);
  is_settled_ = true;
}

double GittinsTable::index(double attained, double quantum) const {
  settle();
  const auto position = [&](double value) {
    return static_cast<std::size_t>(std::ranges::upper_bound(sizes_, value) - sizes_.begin());
  };
  const std::size_t first = position(attained);
  const std::size_t last = std::max(first, position(attained + quantum));
  if (first == sizes_.size()) return 0;
  const auto ending = static_cast<double>(last - first);
  const auto going_on = static_cast<double>(sizes_.size() - last);
  const double service = sum_to_[last] - sum_to_[first] - ending * attained + going_on * quantum;
  return service > 0 ? ending / service : 0;
}

}  // namespace bourse
