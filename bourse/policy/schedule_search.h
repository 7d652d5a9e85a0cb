#pragma once

#include <span>
#include <vector>

#include "bourse/model/job.h"
#include "bourse/policy/ledger.h"
#include "bourse/policy/prices.h"
#include "bourse/policy/slot_costs.h"

namespace bourse {

/// What a job gets in one slot.
struct ScheduledSlot {
  SlotIndex slot = 0;
  Allocation allocation;
};

struct PricedSchedule {
  std::vector<ScheduledSlot> slots;  ///< By slot; slots in which the job rests are left out.
  double utility = 0;
  double cost = 0;
  Seconds completion{0};  ///< Promised; the job may be done earlier.

  [[nodiscard]] double payoff() const { return utility - cost; }
};

struct SearchOptions {
  RoundingOptions rounding;
  Seconds slot{600};
  int chunks = 50;           ///< Least number of chunks the work is cut into, Q of the paper.
  double chunk_samples = 0;  ///< Size of a chunk, samples; 0: chosen from `chunks`.
  double stickiness = 0.05;  ///< Share of its payoff a job may spend, in all, on not moving.
  /// A later completion has to raise the payoff by more than this share of it; the payoff is at
  /// least 1 - least_gain of the best.
  double least_gain = 0;
  Seconds window{86400};  ///< How far to look beyond twice the shortest time.
  Seconds horizon = kForever;
  bool paper_time = false;   ///< Utility of completing in slot t is u((t - a) slot).
  bool must_finish = false;  ///< Take the best schedule even if its payoff is not positive.
};

/// What the search for a schedule came to.
enum class SearchVerdict {
  unpaid,  ///< The policy's own: it found one, and nobody paid for it.
  found,
  priced_out,   ///< Schedules exist; `schedule` is the best, with a payoff <= 0.
  no_schedule,  ///< None completes the job in time for any utility.
};

/// The verdict and the schedule it is about; empty for no_schedule.
struct SearchResult {
  SearchVerdict verdict = SearchVerdict::no_schedule;
  PricedSchedule schedule;
};

/// Finds the schedule with the largest payoff (utility - cost) for `samples_left` of a job from
/// `now` on, at frozen prices.
///
/// For every completion slot t in order it knows the cheapest cost of having trained everything by
/// then, Theta(t, V) = min_v theta(t, v) + Theta(t - 1, V - v), and keeps the best payoff; it stops
/// when the utility of completing in t is at most the best payoff so far. v runs over whole chunks;
/// a chunk is the most that one slot can train (or the job's work if that is less), cut into equal
/// parts, so that full slots waste nothing. A gang that is all or nothing needs no table: by t its
/// cheapest n slots are taken. The current slot counts with what is left of it. Ties: the earlier
/// completion, then later slots idle rather than earlier ones. Source: PD-ORS, the best-schedule
/// search. Cost: O(slots x (Q x levels + cost of one curve)); curves are shared by slots in one
/// state.
[[nodiscard]] SearchResult find_schedule(const Ledger& ledger, const JobSpec& job, JobId id,
                                         double samples_left, Seconds now, JobPrices& prices,
                                         const SearchOptions& options, SlotCostCounters& counters);

/// Books (`sign` = +1) or releases (-1) slots of a schedule. Slots that follow one another with the
/// same allocation are one booking.
void book_slots(Ledger& ledger, const JobSpec& job, std::span<const ScheduledSlot> slots, int sign);

}  // namespace bourse
