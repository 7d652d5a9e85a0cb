#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "bourse/policy/placement.h"

namespace bourse {

/// The machines of a scratch copy ordered by what they have free, machines alike together, so that
/// the tightest machine for a task is found among the different states instead of all machines.
/// Pays where many tasks are placed one by one on a large cluster of few kinds of machines.
class MachineIndex {
 public:
  /// `free` outlives this and changes only through it.
  explicit MachineIndex(FreeCapacity& free) : free_(&free) {
    for (std::size_t h = 0; h < free.machine_count(); ++h) insert(MachineId(h));
  }

  /// The machine with the least free that holds the demand, compared by types in order, ties by id;
  /// the choice of place() for a single task. Cost: O(different states).
  [[nodiscard]] std::optional<MachineId> tightest(std::span<const Amount> demand) const {
    for (const auto& [state, machines] : by_state_)
      if (fits(demand, state)) return *machines.begin();
    return std::nullopt;
  }

  /// Cost of both: O(log different states + log machines) a machine of the allocation.
  void take(const JobSpec& job, std::span<const TaskGroup> allocation) {
    for (const TaskGroup& group : allocation) {
      erase(group.machine);
      free_->take(job, {&group, 1});
      insert(group.machine);
    }
  }
  void give(const JobSpec& job, std::span<const TaskGroup> allocation) {
    for (const TaskGroup& group : allocation) {
      erase(group.machine);
      free_->give(job, {&group, 1});
      insert(group.machine);
    }
  }

 private:
  using States = std::map<ResourceVector, std::set<MachineId>>;

  [[nodiscard]] ResourceVector state_of(MachineId id) const {
    const std::span<const Amount> free = free_->of(id);
    return {free.begin(), free.end()};
  }
  void insert(MachineId id) { by_state_[state_of(id)].insert(id); }
  void erase(MachineId id) {
    const auto state = by_state_.find(state_of(id));
    state->second.erase(id);
    if (state->second.empty()) by_state_.erase(state);
  }

  FreeCapacity* free_;
  States by_state_;
};

}  // namespace bourse
