#pragma once

#include <cstddef>
#include <string>

#include "bourse/base/quantity.h"
#include "bourse/service/api.h"

namespace bourse {

/// All that `bourse top` shows.
struct TopView {
  MachineList machines;
  PriceList prices;
  JobList live;
  JobList ended;  ///< The last ones.
};

/// One picture of the cluster: use of each resource with its price, machines, jobs.
[[nodiscard]] std::string top_text(const TopView& view, Seconds now, std::size_t width);
/// The same as JSON: {machines, prices, live, ended}, each as the API has it.
[[nodiscard]] std::string top_json(const TopView& view);

/// "[#####.....]" of this many columns, filled up to a share in [0, 1].
[[nodiscard]] std::string bar(double share, std::size_t columns);

}  // namespace bourse
