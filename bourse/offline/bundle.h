#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace bourse {

/// Returns a convex function at a point and writes a subgradient there.
using ConvexFunction = std::function<double(std::span<const double>, std::span<double>)>;

struct BundleOptions {
  std::size_t max_evaluations = 500;
  std::size_t max_cuts = 40;  ///< Linear pieces remembered; more take longer a step, but fewer.
  double gap = 1e-4;          ///< Stop at this share of the value; see BundleResult::lower.
  /// Called after each evaluation with the number so far and the least value; false stops.
  std::function<bool(std::size_t, double)> progress{};
};

struct BundleResult {
  double value = 0;             ///< The least value seen.
  std::vector<double> point{};  ///< Where.
  /// The mean subgradient of the last model: about 0 where the point is above 0, and >= 0, when the
  /// search has converged.
  std::vector<double> aggregate{};
  double lower = 0;  ///< The least of the function if `aggregate` were >= 0 everywhere.
  bool converged = false;
  std::size_t evaluations = 0;
  std::vector<double> history{};  ///< Least value after each evaluation.
};

/// Minimises a convex function over points >= 0, from `start`, by a proximal bundle method: each
/// step minimises the largest of the linear pieces seen plus the squared distance to the best point
/// over 2 t; a step that gains at least a tenth of what the pieces promise moves the best point,
/// else the piece found there is added. t follows how well the promises hold.
///
/// `lower_bound`, unless null, turns a model (its mean subgradient, and its least value if that
/// subgradient were >= 0) into a proven lower bound of the function; the search stops when the best
/// value is within `gap` of it, or when the pieces promise less than a tenth of `gap`.
///
/// Source: Kiwiel, "Proximity control in bundle methods for convex nondifferentiable minimization"
/// (1990); Hiriart-Urruty and Lemarechal, "Convex Analysis and Minimization Algorithms II".
/// Cost: a step is one evaluation and O(max_cuts^2 x dimensions).
[[nodiscard]] BundleResult minimize_nonnegative(
    const ConvexFunction& function, std::vector<double> start, const BundleOptions& options,
    const std::function<double(std::span<const double>, double)>& lower_bound);

}  // namespace bourse
