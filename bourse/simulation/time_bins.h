#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "bourse/base/quantity.h"

namespace bourse {

/// Means over time of several series, in equal bins from time 0. The end need not be known: when
/// the bins run out, neighbours are joined and the width doubles, so the memory is bounded and
/// every mean exact.
class TimeBins {
 public:
  /// `limit`: largest number of bins, even and >= 2.
  TimeBins(std::size_t series_count, std::size_t limit);

  /// The series have these values from `from` until `to`; calls come in the order of time.
  /// Cost: O(bins touched), but for doubling.
  void add(Seconds from, Seconds to, std::span<const double> values);

  [[nodiscard]] Seconds width() const { return width_; }
  /// Mean of a series in each bin; of the last bin in the part that was seen.
  [[nodiscard]] std::vector<double> means(std::size_t series) const;

 private:
  void widen();

  std::size_t series_count_;
  std::size_t limit_;
  Seconds width_{1.0 / 64};
  Seconds end_{0};
  std::vector<double> sums_;  ///< Value x time, bin-major.
};

}  // namespace bourse
