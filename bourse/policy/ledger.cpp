#include "bourse/policy/ledger.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// A well mixed number for each input (the finaliser of SplitMix64).
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

std::size_t Ledger::HashOfState::operator()(const ResourceVector& class_and_use) const {
  std::uint64_t hash = 0;
  for (const Amount amount : class_and_use) hash = mixed(hash ^ static_cast<std::uint64_t>(amount));
  return hash;
}

Ledger::Ledger(const Cluster& cluster) : cluster_(&cluster), types_(cluster.types.size()) {
  const ResourceVector nothing(types_);
  std::vector<StateId> idle;
  for (std::size_t c = 0; c < cluster.classes.size(); ++c) {
    idle.push_back(intern(static_cast<std::uint32_t>(c), nothing));
    gain(idle.back());
  }
  for (std::size_t c = 0; c < cluster.classes.size(); ++c) {
    down_state_.push_back(add_state(static_cast<std::uint32_t>(c), true));
    gain(down_state_.back());
  }
  Run& empty = runs_[0];
  for (const Machine& machine : cluster.machines) {
    empty.states.push_back(idle[machine.class_index]);
    empty.fingerprint += mixed(idle[machine.class_index]);
  }
  for (const StateId id : idle) {
    const auto count = std::ranges::count(empty.states, id);
    if (count == 0) continue;
    empty.groups.push_back({id, static_cast<std::uint32_t>(count)});
    gain(id);
  }
}

StateId Ledger::add_state(std::uint32_t class_index, bool down) {
  StateId id = 0;
  if (free_.empty()) {
    id = static_cast<StateId>(class_of_.size());
    class_of_.push_back(class_index);
    down_.push_back(down ? 1 : 0);
    uses_.push_back(0);
    used_.resize(used_.size() + types_);
    residual_.resize(residual_.size() + types_, -1);
  } else {
    id = free_.back();
    free_.pop_back();
    class_of_[id] = class_index;
  }
  return id;
}

StateId Ledger::intern(std::uint32_t class_index, std::span<const Amount> used) {
  ResourceVector key{class_index};
  key.insert(key.end(), used.begin(), used.end());
  if (const auto at = ids_.find(key); at != ids_.end()) return at->second;
  const StateId id = add_state(class_index, false);
  const ResourceVector& capacity = cluster_->classes[class_index].capacity;
  for (std::size_t r = 0; r < types_; ++r) {
    const std::size_t at = id * types_ + r;
    used_[at] = used[r];
    residual_[at] = capacity[r] - used[r];
  }
  ids_.emplace(std::move(key), id);
  return id;
}

void Ledger::lose(StateId id) {
  if (--uses_[id] > 0) return;
  ResourceVector key{class_of_[id]};
  key.insert(key.end(), used(id).begin(), used(id).end());
  ids_.erase(key);
  free_.push_back(id);
}

void Ledger::change_state(Run& run, std::size_t machine, StateId to) {
  const StateId from = std::exchange(run.states[machine], to);
  if (from == to) return;
  run.fingerprint += mixed(to) - mixed(from);
  const auto old = std::ranges::lower_bound(run.groups, from, {}, &StateGroup::state);
  const auto at = std::ranges::lower_bound(run.groups, to, {}, &StateGroup::state);
  const bool is_last = --old->machines == 0;
  const bool is_new = at == run.groups.end() || at->state != to;
  if (is_new) gain(to);
  if (!is_new) {
    ++at->machines;
    if (is_last) run.groups.erase(old);
  } else if (!is_last) {
    run.groups.insert(at, {to, 1});
  } else if (old < at) {  // The place of the old group moves to that of the new one.
    *std::move(old + 1, at, old) = {to, 1};
  } else {
    std::move_backward(at, old, old + 1);
    *at = {to, 1};
  }
  if (is_last) lose(from);
}

void Ledger::drop(Runs::iterator run) {
  for (const StateGroup& group : run->second.groups) lose(group.state);
  runs_.erase(run);
}

Ledger::Runs::iterator Ledger::cut(SlotIndex slot) {
  const auto next = runs_.upper_bound(slot);
  const auto run = std::prev(next);
  if (run->first == slot) return run;
  for (const StateGroup& group : run->second.groups) gain(group.state);
  return runs_.emplace_hint(next, slot, run->second);
}

void Ledger::join(Runs::iterator run) {
  if (run == runs_.begin() || run == runs_.end()) return;
  const Run& before = std::prev(run)->second;
  if (before.fingerprint == run->second.fingerprint && before.states == run->second.states)
    drop(run);
}

void Ledger::forget_before(SlotIndex slot) {
  first_ = std::max(first_, slot);
  drop_past_runs();
}

void Ledger::drop_past_runs() {
  while (runs_.size() > 1 && std::next(runs_.begin())->first <= first_) drop(runs_.begin());
}

void Ledger::book(SlotIndex first, SlotIndex end, const JobSpec& job,
                  std::span<const TaskGroup> allocation, int sign) {
  BOURSE_CHECK(first >= first_);
  BOURSE_CHECK(first < end);
  const auto begin = cut(first);
  const auto stop = cut(end);
  drop_past_runs();  // A cut at the first slot leaves one.
  ResourceVector use(types_);
  for (auto run = begin; run != stop; ++run) {
    for (const TaskGroup& group : allocation) {
      const StateId from = run->second.states[group.machine.index()];
      BOURSE_CHECK(down_[from] == 0);
      for (std::size_t r = 0; r < types_; ++r) {
        const Amount change =
            sign * (group.workers * job.worker[r] + group.servers * job.server[r]);
        use[r] = used_[from * types_ + r] + change;
        const Amount residual = residual_[from * types_ + r] - change;
        BOURSE_CHECK(use[r] >= 0);
        BOURSE_CHECK(residual >= 0);
      }
      change_state(run->second, group.machine.index(), intern(class_of_[from], use));
    }
  }
  join(stop);
  join(begin);
}

void Ledger::set_down(MachineId machine, bool down) {
  const std::uint32_t class_index = cluster_->machines[machine.index()].class_index;
  const StateId idle = intern(class_index, ResourceVector(types_));
  const StateId from = down ? idle : down_state_[class_index];
  const StateId to = down ? down_state_[class_index] : idle;
  for (auto& [first, run] : runs_) {
    BOURSE_CHECK(run.states[machine.index()] == from);
    change_state(run, machine.index(), to);
  }
}

bool Ledger::has_room(SlotIndex slot, const JobSpec& job,
                      std::span<const TaskGroup> allocation) const {
  const std::span<const StateId> in_slot = states(slot);
  return std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    const std::span<const Amount> residual = state(in_slot[group.machine.index()]).residual;
    for (std::size_t r = 0; r < residual.size(); ++r)
      if (group.workers * job.worker[r] + group.servers * job.server[r] > residual[r]) return false;
    return true;
  });
}

LedgerRun Ledger::run(SlotIndex slot) const {
  const auto next = runs_.upper_bound(std::max(slot, first_));
  const auto at = std::prev(next);
  return {.first = at->first,
          .end = next == runs_.end() ? std::numeric_limits<SlotIndex>::max() : next->first,
          .states = at->second.states,
          .groups = at->second.groups,
          .fingerprint = at->second.fingerprint};
}

}  // namespace bourse
