#include "bourse/solver/gain.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bourse {

// Let X be a sum of independent variables in [0, 1] (a row divided by its largest coefficient, the
// whole parts of the scaled values taken as sure) with mean G W, and call a row broken when X ends
// on the wrong side of W.
//
// Cover: the row breaks if X < W = (1 - e) G W, e = 1 - 1/G. Chernoff's lower tail gives
// exp(-e^2 G W / 2) <= delta / (3 m). With k = ln(3 m / delta) / W this is (G - 1)^2 / G >= 2 k, so
// the least G is 1 + k + sqrt(k^2 + 2 k).
//
// Packing: the row breaks if X > W = (1 + e) G W, e = 1/G - 1. For e <= 1 the upper tail is at most
// exp(-e^2 G W / 3) <= delta / (3 r). With c = 3 ln(3 r / delta) / W: (1 - G)^2 / G >= c, so the
// largest G is 1 + c/2 - sqrt(c^2/4 + c). e <= 1 is G >= 1/2, that is c <= 1/2.
//
// Packing for every e > 0: the tail is at most exp(-e^2 G W / (2 + e)). With c' = ln(3 r / delta) /
// W and e = (1 - G) / G: (1 - G)^2 >= c' (1 + G), so G = (2 + c' - sqrt(c'^2 + 8 c')) / 2, positive
// only for c' < 1.

namespace {

double log_rows(std::size_t rows, double delta) {
  return std::log(3 * static_cast<double>(rows) / delta);
}

}  // namespace

RoundingRows rounding_rows(const SlotMachines& machines, const SlotDemand& demand, int workers,
                           int servers) {
  RoundingRows rows;
  rows.cover_least = std::numeric_limits<double>::infinity();
  for (const int count : {workers, servers})
    if (count > 0) {
      ++rows.cover_rows;
      rows.cover_least = std::min(rows.cover_least, static_cast<double>(count));
    }
  if (rows.cover_rows == 0) rows.cover_least = 0;
  rows.packing_least = std::numeric_limits<double>::infinity();
  for (std::size_t h = 0; h < machines.size(); ++h) {
    const auto residual = machines.residual_of(h);
    const bool takes_worker = workers > 0 && tasks_that_fit(demand.worker, residual, 1) > 0;
    const bool takes_server = servers > 0 && tasks_that_fit(demand.server, residual, 1) > 0;
    for (std::size_t r = 0; r < machines.resource_count; ++r) {
      const std::int64_t largest =
          std::max(takes_worker ? demand.worker[r] : 0, takes_server ? demand.server[r] : 0);
      if (largest <= 0) continue;
      ++rows.packing_rows;
      rows.packing_least = std::min(
          rows.packing_least, static_cast<double>(residual[r]) / static_cast<double>(largest));
    }
  }
  return rows;
}

std::optional<double> cover_favoured(const RoundingRows& rows, double delta) {
  if (rows.cover_rows == 0 || rows.cover_least <= 0) return std::nullopt;
  const double k = log_rows(rows.cover_rows, delta) / rows.cover_least;
  return 1 + k + std::sqrt(k * k + 2 * k);
}

double packing_favoured_unchecked(const RoundingRows& rows, double delta) {
  if (rows.packing_rows == 0) return 1;
  if (rows.packing_least <= 0) return 0;
  const double c = 3 * log_rows(rows.packing_rows, delta) / rows.packing_least;
  // 1 + c/2 - sqrt(c^2/4 + c) with the difference of large numbers removed.
  return 1 / (1 + c / 2 + std::sqrt(c * c / 4 + c));
}

std::optional<double> packing_favoured(const RoundingRows& rows, double delta) {
  if (rows.packing_rows > 0 && rows.packing_least < 6 * log_rows(rows.packing_rows, delta))
    return std::nullopt;
  return packing_favoured_unchecked(rows, delta);
}

std::optional<double> packing_safe(const RoundingRows& rows, double delta) {
  if (rows.packing_rows == 0) return 1;
  if (rows.packing_least <= 0) return std::nullopt;
  const double c = log_rows(rows.packing_rows, delta) / rows.packing_least;
  if (c >= 1) return std::nullopt;
  return (2 + c - std::sqrt(c * c + 8 * c)) / 2;
}

}  // namespace bourse
