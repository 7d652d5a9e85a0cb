#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/policy/slot_index.h"

namespace bourse {

/// Everything about a machine in a slot that a price or a placement can depend on. Interned: equal
/// states have one id, so machines alike are handled together and prices are computed once.
/// A view into the ledger: valid until the next booking.
struct MachineState {
  std::uint32_t class_index = 0;
  bool down = false;
  std::span<const Amount> used;      ///< rho of the paper.
  std::span<const Amount> residual;  ///< Capacity - used; all -1 if down.
};
using StateId = std::uint32_t;

/// Machines of one slot that are in the same state.
struct StateGroup {
  StateId state = 0;
  std::uint32_t machines = 0;
  friend bool operator==(const StateGroup&, const StateGroup&) = default;
};

/// Slots first .. end - 1, in which every machine is in the same state all the time.
/// A view into the ledger: valid until the next booking.
struct LedgerRun {
  SlotIndex first = 0;
  SlotIndex end = 0;                   ///< The largest SlotIndex for the last run.
  std::span<const StateId> states;     ///< One a machine.
  std::span<const StateGroup> groups;  ///< The same as counts, by state id.
  std::uint64_t fingerprint = 0;       ///< Equal for equal groups; seldom for others.
};

/// What is booked on every machine in every slot from now on, kept as runs of slots in which
/// nothing changes: a machine booked for a week of slots costs as much as for one.
/// Memory: 4 bytes a machine and run, and the states that are in use; an id is used again once no
/// machine is in its state in any slot.
class Ledger {
 public:
  /// `cluster` outlives the ledger.
  explicit Ledger(const Cluster& cluster);

  /// Forgets all slots before this one.
  void forget_before(SlotIndex slot);
  /// Books (`sign` = +1) or releases (-1) an allocation of the job in the slots first .. end - 1,
  /// none of which is forgotten. Over-booking a machine is a defect.
  /// Cost: O(runs in between x tasks' machines), and O(machines) for a run that is cut in two.
  void book(SlotIndex first, SlotIndex end, const JobSpec& job,
            std::span<const TaskGroup> allocation, int sign);
  /// The same in one slot.
  void book(SlotIndex slot, const JobSpec& job, std::span<const TaskGroup> allocation, int sign) {
    book(slot, slot + 1, job, allocation, sign);
  }
  /// A machine is down in all slots, or up again. Nothing may be booked on it.
  void set_down(MachineId machine, bool down);

  /// True if the allocation of the job could be booked in the slot.
  [[nodiscard]] bool has_room(SlotIndex slot, const JobSpec& job,
                              std::span<const TaskGroup> allocation) const;

  /// The longest run of equal slots that a slot lies in; it may begin before the slot.
  /// Cost: O(log runs).
  [[nodiscard]] LedgerRun run(SlotIndex slot) const;
  /// State of each machine in a slot.
  [[nodiscard]] std::span<const StateId> states(SlotIndex slot) const { return run(slot).states; }
  /// The same as counts, by state id.
  [[nodiscard]] std::span<const StateGroup> groups(SlotIndex slot) const {
    return run(slot).groups;
  }
  [[nodiscard]] MachineState state(StateId id) const {
    const std::size_t at = id * types_;
    return {.class_index = class_of_[id],
            .down = down_[id] != 0,
            .used = {used_.data() + at, types_},
            .residual = {residual_.data() + at, types_}};
  }
  /// One more than the largest state id.
  [[nodiscard]] std::size_t state_count() const { return class_of_.size(); }
  /// States that some machine is in, in some slot, or that an idle or a lost machine would be in.
  [[nodiscard]] std::size_t states_in_use() const { return ids_.size() + down_state_.size(); }
  [[nodiscard]] std::size_t run_count() const { return runs_.size(); }
  /// The first slot from which on nothing is booked.
  [[nodiscard]] SlotIndex end() const { return std::max(first_, runs_.rbegin()->first); }
  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }

 private:
  struct Run {
    std::vector<StateId> states;     ///< One a machine.
    std::vector<StateGroup> groups;  ///< By state, none empty.
    std::uint64_t fingerprint = 0;
  };
  using Runs = std::map<SlotIndex, Run>;  ///< By first slot; each reaches to the next.
  struct HashOfState {
    std::size_t operator()(const ResourceVector& class_and_use) const;
  };

  StateId intern(std::uint32_t class_index, std::span<const Amount> used);
  StateId add_state(std::uint32_t class_index, bool down);
  void change_state(Run& run, std::size_t machine, StateId to);
  void gain(StateId id) { ++uses_[id]; }
  void lose(StateId id);
  [[nodiscard]] std::span<const Amount> used(StateId id) const {
    return std::span(used_).subspan(id * types_, types_);
  }
  void drop(Runs::iterator run);
  void drop_past_runs();
  /// The run that begins at `slot`, cut off the one that reached over it if need be.
  Runs::iterator cut(SlotIndex slot);
  /// Joins the run with the one before if nothing changes in between.
  void join(Runs::iterator run);

  const Cluster* cluster_;
  std::size_t types_;  ///< Resource types.
  // States by id, as flat arrays.
  std::vector<std::uint32_t> class_of_;
  std::vector<std::uint8_t> down_;
  std::vector<Amount> used_;
  std::vector<Amount> residual_;
  std::vector<std::uint32_t> uses_;  ///< Groups of runs with this state; idle and down: one more.
  std::vector<StateId> free_;        ///< Ids to be used again.
  std::vector<StateId> down_state_;  ///< Of each class.
  std::unordered_map<ResourceVector, StateId, HashOfState> ids_;  ///< By class and use; not walked.
  SlotIndex first_ = 0;
  Runs runs_;  ///< Never empty; in the last one nothing is booked.
};

}  // namespace bourse
