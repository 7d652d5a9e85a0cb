#pragma once

#include <optional>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/base/quantity.h"
#include "bourse/model/allocation.h"

namespace bourse {

/// One way to run a job, as a policy with prices sees it.
struct PricedOption {
  /// The job holds this from `from` to `to`.
  struct Run {
    Seconds from{0};
    Seconds to{0};
    Allocation allocation;
  };
  double utility = 0;
  double cost = 0;
  Seconds completion{0};
  std::vector<Run> runs;      ///< By time.
  std::vector<double> paid;   ///< Cost by resource type; the sum is `cost` of whole slots.
  double cost_when_idle = 0;  ///< Of the same tasks on machines that nobody else uses.

  [[nodiscard]] double payoff() const { return utility - cost; }
};

/// Why a job gets what it gets. Alternatives are priced at the same prices, the job's own booking
/// left out.
struct Explanation {
  JobId job{};
  bool is_booked = false;              ///< `best` is what it has; else what it would get.
  std::optional<PricedOption> best;    ///< Nothing if no schedule completes it at all.
  std::optional<PricedOption> sooner;  ///< The best that completes in an earlier slot.
  std::optional<PricedOption> later;   ///< The best that starts a slot later.
  Seconds promised = kForever;         ///< Completion promised to a job that is booked.
};

}  // namespace bourse
