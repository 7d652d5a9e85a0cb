#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "bourse/policy/ledger.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/schedule_search.h"
#include "bourse/policy/state.h"

namespace bourse {

/// An admitted job, what is booked for it and what it was promised.
struct Booking {
  JobId job;
  std::vector<ScheduledSlot> slots;  ///< By slot; those before the current one are spent.
  std::size_t next = 0;              ///< First that is not spent.
  Seconds promised = kForever;       ///< Completion promised on admission, or since it was late.
  double utility = 0;                ///< Of completing then.

  [[nodiscard]] bool is_spent() const { return next == slots.size(); }
};

/// The admitted jobs that are not over, with their slots in the ledger.
class Bookings {
 public:
  /// `cluster` outlives this.
  explicit Bookings(const Cluster& cluster) : ledger_(cluster) {}

  /// Slots before this one are spent.
  void advance(SlotIndex current);
  [[nodiscard]] SlotIndex current() const { return current_; }
  /// A new admitted job without slots.
  Booking& add(JobId job);
  /// Null if the job is not admitted.
  [[nodiscard]] Booking* find(JobId job);
  /// Gives back what is left of a job and forgets it.
  void remove(const JobSpec& spec, JobId job);
  /// Books slots after those that the job has.
  void book(const JobSpec& spec, Booking& booking, std::vector<ScheduledSlot> slots);
  /// Gives back slots from index `from` (>= booking.next) on and returns them.
  std::vector<ScheduledSlot> release(const JobSpec& spec, Booking& booking, std::size_t from);
  /// What the job shall hold in the current slot; null if nothing.
  [[nodiscard]] const Allocation* wanted_now(const Booking& booking) const;
  /// True if no job has a slot from now on.
  [[nodiscard]] bool none_ahead() const;

  [[nodiscard]] std::vector<Booking>& all() { return all_; }
  [[nodiscard]] const std::vector<Booking>& all() const { return all_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  void set_down(MachineId machine, bool down) { ledger_.set_down(machine, down); }

 private:
  Ledger ledger_;
  std::vector<Booking> all_;  ///< By job.
  SlotIndex current_ = 0;
};

/// Adds slots to a plan for people: runs of slots with one allocation are joined.
void append_plan(JobId job, const std::vector<ScheduledSlot>& slots, Seconds slot_length,
                 std::vector<PlannedSlot>& plan);

}  // namespace bourse
