#pragma once

#include <string_view>
#include <vector>

#include "bourse/engine/cell.h"
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

/// Gives each worker of a cell so many of the devices that its agent may see: lists of them in a
/// variable such as CUDA_VISIBLE_DEVICES ("0,3", or longer names). Servers get none of them. A
/// variable that the agent does not have, or a task has already, stays as it is.
void hand_out_devices(CellSpec& cell, Amount per_worker, std::string_view variable,
                      std::string_view visible);

}  // namespace bourse
