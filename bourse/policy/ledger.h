#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/policy/slot_index.h"

namespace bourse {

/// Everything about a machine in a slot that a price or a placement can depend on. Interned: equal
/// states have one id, so machines alike are handled together and prices are computed once.
struct MachineState {
  std::uint32_t class_index = 0;
  bool down = false;
  ResourceVector used;      ///< rho of the paper.
  ResourceVector residual;  ///< Capacity - used; all -1 if down.
};
using StateId = std::uint32_t;

/// Machines of one slot that are in the same state.
struct StateGroup {
  StateId state = 0;
  std::uint32_t machines = 0;
};

/// What is booked on every machine in every slot from now on. Slots after the last booking are all
/// alike and take no memory.
/// Memory: 4 bytes a machine and booked slot.
class Ledger {
 public:
  /// `cluster` outlives the ledger.
  explicit Ledger(const Cluster& cluster);

  /// Forgets all slots before this one.
  void forget_before(SlotIndex slot);
  /// Books (`sign` = +1) or releases (-1) an allocation of the job in a slot that is not forgotten.
  /// Over-booking a machine is a defect.
  void book(SlotIndex slot, const JobSpec& job, std::span<const TaskGroup> allocation, int sign);
  /// A machine is down in all slots, or up again. Nothing may be booked on it.
  void set_down(MachineId machine, bool down);

  /// True if the allocation of the job could be booked in the slot.
  [[nodiscard]] bool has_room(SlotIndex slot, const JobSpec& job,
                              std::span<const TaskGroup> allocation) const;

  /// State of each machine in a slot.
  [[nodiscard]] std::span<const StateId> states(SlotIndex slot) const;
  /// The same as counts, by state id.
  [[nodiscard]] std::span<const StateGroup> groups(SlotIndex slot) const;
  [[nodiscard]] const MachineState& state(StateId id) const { return states_[id]; }
  /// One more than the largest state id.
  [[nodiscard]] std::size_t state_count() const { return states_.size(); }
  /// The first slot from which on nothing is booked.
  [[nodiscard]] SlotIndex end() const { return first_ + static_cast<SlotIndex>(slots_.size()); }
  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }

 private:
  struct Slot {
    std::vector<StateId> states;     ///< One a machine.
    std::vector<StateGroup> groups;  ///< By state, none empty.
  };

  StateId intern(MachineState state);
  static void change_state(Slot& slot, std::size_t machine, StateId to);
  Slot& slot_for_booking(SlotIndex slot);

  const Cluster* cluster_;
  std::vector<MachineState> states_;
  std::map<std::pair<std::uint32_t, ResourceVector>, StateId> ids_;  ///< By class and use.
  std::vector<StateId> down_state_;                                  ///< Of each class.
  Slot empty_;  ///< What a slot without bookings looks like.
  SlotIndex first_ = 0;
  std::deque<Slot> slots_;  ///< slots_[i] is slot first_ + i.
};

}  // namespace bourse
