#include "bourse/report/statistics.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace bourse {
namespace {

/// The 97.5 % quantile of Student's t with this many degrees of freedom (>= 1).
double student_quantile(std::size_t degrees) {
  constexpr std::array<double, 5> kExact = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582};
  if (degrees <= kExact.size()) return kExact[degrees - 1];
  // Expansion in 1/degrees around the quantile of the normal distribution.
  constexpr double kNormal = 1.959964;
  const double z = kNormal;
  const double n = static_cast<double>(degrees);
  const double z3 = z * z * z;
  const double z5 = z3 * z * z;
  const double z7 = z5 * z * z;
  return z + (z3 + z) / (4 * n) + (5 * z5 + 16 * z3 + 3 * z) / (96 * n * n) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * n * n * n);
}

}  // namespace

Interval interval_of(std::span<const double> values) {
  Interval interval;
  if (values.empty()) return interval;
  const double count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  interval.mean = sum / count;
  if (values.size() < 2) return interval;
  double squares = 0;
  for (const double value : values) squares += (value - interval.mean) * (value - interval.mean);
  interval.half_width =
      student_quantile(values.size() - 1) * std::sqrt(squares / (count - 1) / count);
  return interval;
}

}  // namespace bourse
