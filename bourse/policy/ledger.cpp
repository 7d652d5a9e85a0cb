#include "bourse/policy/ledger.h"

#include <algorithm>

#include "bourse/base/check.h"

namespace bourse {

Ledger::Ledger(const Cluster& cluster) : cluster_(&cluster) {
  std::vector<StateId> idle;
  for (std::size_t c = 0; c < cluster.classes.size(); ++c) {
    const ResourceVector& capacity = cluster.classes[c].capacity;
    const auto index = static_cast<std::uint32_t>(c);
    idle.push_back(intern({index, false, ResourceVector(capacity.size()), capacity}));
  }
  for (std::size_t c = 0; c < cluster.classes.size(); ++c) {
    const std::size_t types = cluster.types.size();
    down_state_.push_back(static_cast<StateId>(states_.size()));
    states_.push_back({static_cast<std::uint32_t>(c), true, ResourceVector(types),
                       ResourceVector(types, Amount{-1})});
  }
  for (const Machine& machine : cluster.machines)
    empty_.states.push_back(idle[machine.class_index]);
  for (const StateId id : idle) {
    const auto count = std::ranges::count(empty_.states, id);
    if (count > 0) empty_.groups.push_back({id, static_cast<std::uint32_t>(count)});
  }
}

StateId Ledger::intern(MachineState state) {
  const auto next = static_cast<StateId>(states_.size());
  const auto [at, is_new] = ids_.try_emplace({state.class_index, state.used}, next);
  if (is_new) states_.push_back(std::move(state));
  return at->second;
}

void Ledger::change_state(Slot& slot, std::size_t machine, StateId to) {
  const StateId from = std::exchange(slot.states[machine], to);
  const auto old = std::ranges::lower_bound(slot.groups, from, {}, &StateGroup::state);
  if (--old->machines == 0) slot.groups.erase(old);
  const auto at = std::ranges::lower_bound(slot.groups, to, {}, &StateGroup::state);
  if (at != slot.groups.end() && at->state == to)
    ++at->machines;
  else
    slot.groups.insert(at, {to, 1});
}

void Ledger::forget_before(SlotIndex slot) {
  while (!slots_.empty() && first_ < slot) {
    slots_.pop_front();
    ++first_;
  }
  first_ = std::max(first_, slot);
}

Ledger::Slot& Ledger::slot_for_booking(SlotIndex slot) {
  BOURSE_CHECK(slot >= first_);
  while (slot >= end()) slots_.push_back(empty_);
  return slots_[static_cast<std::size_t>(slot - first_)];
}

void Ledger::book(SlotIndex slot, const JobSpec& job, std::span<const TaskGroup> allocation,
                  int sign) {
  Slot& target = slot_for_booking(slot);
  for (const TaskGroup& group : allocation) {
    MachineState state = states_[target.states[group.machine.index()]];
    BOURSE_CHECK(!state.down);
    for (std::size_t r = 0; r < state.used.size(); ++r) {
      const Amount change = sign * (group.workers * job.worker[r] + group.servers * job.server[r]);
      state.used[r] += change;
      state.residual[r] -= change;
      BOURSE_CHECK(state.used[r] >= 0);
      BOURSE_CHECK(state.residual[r] >= 0);
    }
    change_state(target, group.machine.index(), intern(std::move(state)));
  }
}

void Ledger::set_down(MachineId machine, bool down) {
  const std::uint32_t class_index = cluster_->machines[machine.index()].class_index;
  const ResourceVector& capacity = cluster_->classes[class_index].capacity;
  const StateId idle = ids_.at({class_index, ResourceVector(capacity.size())});
  const StateId from = down ? idle : down_state_[class_index];
  const StateId to = down ? down_state_[class_index] : idle;
  const auto change = [&](Slot& slot) {
    BOURSE_CHECK(slot.states[machine.index()] == from);
    change_state(slot, machine.index(), to);
  };
  for (Slot& slot : slots_) change(slot);
  change(empty_);
}

bool Ledger::has_room(SlotIndex slot, const JobSpec& job,
                      std::span<const TaskGroup> allocation) const {
  const std::span<const StateId> in_slot = states(slot);
  return std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    const ResourceVector& residual = states_[in_slot[group.machine.index()]].residual;
    for (std::size_t r = 0; r < residual.size(); ++r)
      if (group.workers * job.worker[r] + group.servers * job.server[r] > residual[r]) return false;
    return true;
  });
}

std::span<const StateId> Ledger::states(SlotIndex slot) const {
  return slot < end() ? slots_[static_cast<std::size_t>(slot - first_)].states : empty_.states;
}

std::span<const StateGroup> Ledger::groups(SlotIndex slot) const {
  return slot < end() ? slots_[static_cast<std::size_t>(slot - first_)].groups : empty_.groups;
}

}  // namespace bourse
