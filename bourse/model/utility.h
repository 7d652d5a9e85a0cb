#pragma once

#include <string>
#include <variant>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// value / (1 + exp(steepness * (delay - midpoint))): worth about `value` well before the midpoint
/// and about 0 well after it. steepness = 0 is value / 2 at all times.
/// Source: PD-ORS, theta_1, theta_2, theta_3.
struct SigmoidUtility {
  double value = 1;      ///< theta_1, utility; >= 0.
  double steepness = 0;  ///< theta_2, per second; >= 0.
  Seconds midpoint{0};   ///< theta_3.
};

/// `value` until the deadline, `late_value` after it.
struct DeadlineUtility {
  double value = 1;
  Seconds deadline{0};
  double late_value = 0;  ///< In [0, value].
};

/// `value` until `full_until`, then down along a line to 0 at `zero_at`.
struct LinearDecayUtility {
  double value = 1;
  Seconds full_until{0};
  Seconds zero_at{0};  ///< > full_until.
};

/// Straight lines between points; flat before the first point and after the last.
struct PiecewiseLinearUtility {
  struct Point {
    Seconds delay{0};
    double value = 0;
  };
  std::vector<Point> points;  ///< At least one; delays increase, values do not.
};

/// `value` whenever the job completes.
struct ConstantUtility {
  double value = 1;
};

/// What completing a job is worth as a function of the delay since its arrival. Never increases,
/// never negative.
using Utility = std::variant<ConstantUtility, SigmoidUtility, DeadlineUtility, LinearDecayUtility,
                             PiecewiseLinearUtility>;

/// The utility of completing `delay` (>= 0) after arrival.
[[nodiscard]] double utility_at(const Utility& utility, Seconds delay);

/// Errors: invalid_argument if a rule in the comments above is broken; names the field.
[[nodiscard]] Result<void> validate(const Utility& utility);

}  // namespace bourse
