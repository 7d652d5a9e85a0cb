#pragma once

#include <span>

namespace bourse {

/// A mean and how sure it is.
struct Interval {
  double mean = 0;
  double half_width = 0;  ///< Of the 95 % confidence interval; 0 for fewer than two values.
};

/// Mean of the values, summed in their order, and half the width of its 95 % interval by Student's
/// t distribution. All 0 for no values. Source: Hill (1970), expansion of the quantile, whose error
/// is below 0.1 % from 4 degrees of freedom on; exact values below.
[[nodiscard]] Interval interval_of(std::span<const double> values);

}  // namespace bourse
