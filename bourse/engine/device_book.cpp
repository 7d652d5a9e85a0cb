#include "bourse/engine/device_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "bourse/base/text.h"

namespace bourse {

DeviceBook::DeviceBook(std::vector<int> numbers)
    : numbers_(std::move(numbers)), taken_(numbers_.size(), 0) {}

std::vector<int> DeviceBook::take(Amount amount) {
  if (amount <= 0) return {};
  std::vector<std::size_t> order(numbers_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const bool is_part = amount < kAmountsPerUnit;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const auto rank = [&](std::size_t i) {
      const bool has_room = taken_[i] + amount <= kAmountsPerUnit;
      return is_part && has_room ? std::pair(0, -taken_[i]) : std::pair(1, taken_[i]);
    };
    return rank(a) < rank(b);
  });
  const Amount whole = (amount + kAmountsPerUnit - 1) / kAmountsPerUnit;
  order.resize(std::min(order.size(), static_cast<std::size_t>(whole)));
  std::vector<int> chosen;
  for (const std::size_t i : order) chosen.push_back(numbers_[i]);
  std::ranges::sort(chosen);
  add(chosen, amount);
  return chosen;
}

void DeviceBook::take(const std::vector<int>& numbers, Amount amount) { add(numbers, amount); }

void DeviceBook::give_back(const std::vector<int>& numbers, Amount amount) {
  add(numbers, -amount);
}

void DeviceBook::add(const std::vector<int>& numbers, Amount amount) {
  for (const int number : numbers) {
    const auto found = std::ranges::find(numbers_, number);
    if (found != numbers_.end())
      taken_[static_cast<std::size_t>(found - numbers_.begin())] +=
          amount / static_cast<Amount>(numbers.size());
  }
}

void hand_out_devices(CellSpec& cell, Amount per_worker, std::string_view variable,
                      std::string_view visible) {
  if (visible.empty()) return;
  const std::vector<std::string_view> names = split(visible, ',');
  std::vector<int> positions(names.size());
  std::iota(positions.begin(), positions.end(), 0);
  DeviceBook book(std::move(positions));
  const std::string start = fmt::format("{}=", variable);
  for (TaskSpec& task : cell.tasks) {
    const bool is_set = std::ranges::any_of(
        task.environment, [&](const std::string& one) { return one.starts_with(start); });
    std::string mine;
    if (task.role == TaskRole::worker)
      for (const int at : book.take(per_worker))
        mine += fmt::format("{}{}", mine.empty() ? "" : ",", names[static_cast<std::size_t>(at)]);
    if (!is_set) task.environment.push_back(start + mine);
  }
}

}  // namespace bourse
