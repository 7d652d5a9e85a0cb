#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bourse/model/job.h"
#include "bourse/policy/oasis_prices.h"
#include "bourse/policy/slot_bookings.h"

namespace bourse {

/// What a job gets in slots [from, to).
struct BookedStretch {
  std::int64_t from = 0;
  std::int64_t to = 0;
  Allocation allocation;
};

/// A whole schedule of a job, by slot.
struct OasisSchedule {
  std::vector<BookedStretch> stretches;
  double utility = 0;
  double cost = 0;
  Seconds completion{0};

  [[nodiscard]] double payoff() const { return utility - cost; }
};

struct OasisSearchOptions {
  Seconds slot{600};
  Seconds horizon = kForever;
  Seconds window{86400};     ///< How far to look beyond twice the shortest time.
  bool slotted = false;      ///< Utilities see whole slots.
  int chunks = 50;           ///< Least number of chunks the work is cut into.
  double stickiness = 0.05;  ///< Share of its payoff a job may spend, in all, on not moving.
  /// A later completion has to raise the payoff by more than this share of it.
  double least_gain = 0;
};

/// The machines and prices that a search works on.
struct OasisMarket {
  const SlotBookings& bookings;
  OasisPrices& prices;
  const OasisSearchOptions& options;
};

/// The schedule with the largest payoff for `samples` of the job from `now` on, at frozen prices;
/// nothing if none completes it in time. Its payoff may be negative.
///
/// cost(t, D) = min_d COST(t, d) + cost(t - 1, D - d) over slots t and chunks D; each t is also
/// looked at as the completion. COST(t, d): the workers that train d chunks in slot t with tasks on
/// different machines, and the servers they need; each role fills the cheapest machines with room,
/// workers first, and never a machine of the other role. A job without servers may also use a
/// single machine. Slots in which all machines are in equal states share their costs.
/// A gang, or a job that takes more than 500 slots at its largest size (planned at the size it
/// requests), takes the cheapest n slots up to t instead of a table. The current slot counts with
/// what is left of it; where time is not slotted it also costs no more than that, and a gang pays
/// of its last slot what it holds. Ties: the earlier completion; machines by id. Source: OASiS,
/// algorithm of the best schedule. Cost: O(slots chunks levels), and for each stretch of equal
/// slots O(levels states log states).
[[nodiscard]] std::optional<OasisSchedule> find_oasis_schedule(const OasisMarket& market,
                                                               const JobSpec& job, double samples,
                                                               Seconds now);

/// The earliest slots in a row in which the requested tasks of the job fit on the same machines
/// until `samples` are trained; for a job that is late or has lost a machine. Nothing if there is
/// none. `held` is kept if it has room from the current slot on.
[[nodiscard]] std::optional<OasisSchedule> find_rest_of_oasis(const OasisMarket& market,
                                                              const JobSpec& job, double samples,
                                                              Seconds now, const Allocation& held);

/// The slot that `now` lies in; an instant within rounding error of a start is that start.
[[nodiscard]] std::int64_t oasis_slot_at(Seconds now, Seconds slot);

}  // namespace bourse
