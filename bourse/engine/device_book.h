#pragma once

#include <vector>

#include "bourse/model/resources.h"

namespace bourse {

/// Which of a machine's devices (GPUs, processors) are taken, and how much of each. The scheduler
/// sees to it that there are enough; the book only chooses which.
class DeviceBook {
 public:
  /// Books devices of these numbers.
  explicit DeviceBook(std::vector<int> numbers);

  /// Devices for an amount: that many whole ones, rounded up, the least taken; for less than one,
  /// the most taken that has room. Ties go to the lowest number; the numbers come ordered.
  [[nodiscard]] std::vector<int> take(Amount amount);
  /// Takes these very devices.
  void take(const std::vector<int>& numbers, Amount amount);
  /// Gives back what was taken with the same arguments.
  void give_back(const std::vector<int>& numbers, Amount amount);

  [[nodiscard]] std::size_t size() const { return numbers_.size(); }

 private:
  void add(const std::vector<int>& numbers, Amount amount);

  std::vector<int> numbers_;
  std::vector<Amount> taken_;  ///< By position in numbers_.
};

}  // namespace bourse
