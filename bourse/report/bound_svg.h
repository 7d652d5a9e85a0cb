#pragma once

#include <string>
#include <vector>

#include "bourse/base/quantity.h"

namespace bourse {

/// What an upper bound looks like over time, and how it was found; for a picture.
struct BoundPicture {
  /// One resource type of the whole cluster, a value for each cell of time.
  struct Resource {
    std::string name;  ///< "gpu".
    std::string unit;  ///< Of one unit: "gpu", "GiB memory".
    double units = 0;  ///< In the cluster.
    std::vector<double>
        worth{};                 ///< Utility an hour of all units that are up, at the prices found.
    std::vector<double> load{};  ///< Share of what is up that jobs take in the relaxed optimum.
  };
  std::string title;
  double bound = 0;
  double unhindered = 0;
  std::vector<Seconds> times{};  ///< Boundaries of the cells, one more than there are cells.
  std::vector<Resource> resources{};
  std::vector<double> history{};  ///< Best bound after each evaluation.
};

/// Draws prices and load over time for each resource, and the bound over the evaluations, as one
/// SVG file. Cells at the end in which nothing is priced and next to nothing runs are left out.
[[nodiscard]] std::string bound_svg(const BoundPicture& picture);

}  // namespace bourse
