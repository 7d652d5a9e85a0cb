#include "bourse/policy/slot_bookings.h"

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {

SlotBookings::SlotBookings(const Cluster& cluster, std::size_t first_reserved)
    : cluster_(&cluster) {
  Stretch all;
  for (std::size_t h = 0; h < cluster.machines.size(); ++h) {
    const std::uint32_t id = intern({.class_index = cluster.machines[h].class_index,
                                     .is_reserved = h >= first_reserved,
                                     .used = ResourceVector(cluster.types.size()),
                                     .free = {}});
    all.states.push_back(id);
    all.counts.resize(states_.size());
    ++all.counts[id];
  }
  stretches_.push_back(std::move(all));
}

std::uint32_t SlotBookings::intern(State state) {
  const auto key = std::tuple(state.class_index, state.is_reserved, state.is_down, state.used);
  const auto next = static_cast<std::uint32_t>(states_.size());
  const auto [at, is_new] = ids_.try_emplace(key, next);
  if (!is_new) return at->second;
  state.free = cluster_->classes[state.class_index].capacity;
  for (std::size_t r = 0; r < state.free.size(); ++r) {
    state.free[r] -= state.used[r];
    BOURSE_CHECK(state.free[r] >= 0);
    BOURSE_CHECK(!state.is_down || state.used[r] == 0);
    if (state.is_down) state.free[r] = -1;
  }
  states_.push_back(std::move(state));
  return next;
}

void SlotBookings::change_state(Stretch& stretch, std::size_t machine, std::uint32_t to) {
  --stretch.counts[stretch.states[machine]];
  stretch.states[machine] = to;
  if (stretch.counts.size() <= to) stretch.counts.resize(states_.size());
  ++stretch.counts[to];
}

void SlotBookings::forget_before(std::int64_t slot) {
  std::size_t first = 0;
  while (first + 1 < stretches_.size() && stretches_[first + 1].from <= slot) ++first;
  stretches_.erase(stretches_.begin(), stretches_.begin() + static_cast<std::ptrdiff_t>(first));
  stretches_.front().from = std::max(stretches_.front().from, slot);
}

std::size_t SlotBookings::stretch_of(std::int64_t slot) const {
  const auto after = std::ranges::upper_bound(stretches_, slot, {}, &Stretch::from);
  BOURSE_CHECK(after != stretches_.begin());
  return static_cast<std::size_t>(after - stretches_.begin()) - 1;
}

/// The stretch that begins at this slot, made if need be.
std::size_t SlotBookings::split_at(std::int64_t slot) {
  const std::size_t at = stretch_of(slot);
  if (stretches_[at].from == slot) return at;
  Stretch second = stretches_[at];
  second.from = slot;
  stretches_.insert(stretches_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(second));
  return at + 1;
}

void SlotBookings::book(std::int64_t from, std::int64_t to, const JobSpec& job,
                        std::span<const TaskGroup> allocation, int sign) {
  from = std::max(from, stretches_.front().from);
  if (from >= to || allocation.empty()) return;
  const std::size_t first = split_at(from);
  const std::size_t last = split_at(to);
  for (std::size_t s = first; s < last; ++s) {
    for (const TaskGroup& group : allocation) {
      State next = states_[stretches_[s].states[group.machine.index()]];
      for (std::size_t r = 0; r < next.used.size(); ++r)
        next.used[r] += sign * (group.workers * job.worker[r] + group.servers * job.server[r]);
      change_state(stretches_[s], group.machine.index(), intern(std::move(next)));
    }
  }
  // A stretch like the one before it is part of it.
  for (std::size_t s = std::min(last, stretches_.size() - 1); s >= std::max<std::size_t>(first, 1);
       --s)
    if (stretches_[s].states == stretches_[s - 1].states)
      stretches_.erase(stretches_.begin() + static_cast<std::ptrdiff_t>(s));
}

void SlotBookings::set_down(MachineId machine, bool is_down) {
  for (Stretch& stretch : stretches_) {
    State next = states_[stretch.states[machine.index()]];
    next.is_down = is_down;
    change_state(stretch, machine.index(), intern(std::move(next)));
  }
}

bool SlotBookings::has_room(const Stretch& stretch, const JobSpec& job,
                            std::span<const TaskGroup> allocation) const {
  return std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    const ResourceVector& free = states_[stretch.states[group.machine.index()]].free;
    for (std::size_t r = 0; r < free.size(); ++r)
      if (group.workers * job.worker[r] + group.servers * job.server[r] > free[r]) return false;
    return true;
  });
}

}  // namespace bourse
