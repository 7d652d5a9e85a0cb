#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "bourse/policy/slot_pricer.h"
#include "bourse/solver/task_polygon.h"

namespace bourse {

/// What machines in each state offer to one job: how dear they are and what they can hold. Worked
/// out for a state when it is first met in any slot, since slots share most of their states.
class MachineOffers {
 public:
  /// No machine is asked for more than these tasks. The context outlives this.
  MachineOffers(const SlotContext& context, TaskCounts most);

  /// Price of the cheaper role for which there is room, as a multiple of that role's price on an
  /// idle machine: a worker costs at least rank x worker_unit(), a server rank x server_unit().
  /// kNoRoom if no task of the job fits. Rounded down.
  float rank(StateId state, PriceFloor::Interval interval) {
    std::vector<float>& known = known_ranks(interval);
    float& rank = known[state];
    if (rank == kUnknown) rank = find_rank(state, interval);
    return rank;
  }
  /// The ranks of all states of a slot, by group.
  void rank_groups(std::span<const StateGroup> groups, PriceFloor::Interval interval,
                   std::vector<float>& ranks);
  /// task_polygon of the state.
  const std::vector<TaskPoint>& corners(StateId state);

  [[nodiscard]] double worker_unit() const { return idle_.worker; }
  [[nodiscard]] double server_unit() const { return idle_.server; }
  /// The least that tasks can cost on machines of this rank or more.
  [[nodiscard]] double least_cost(TaskCounts tasks) const {
    return tasks.workers * idle_.worker + tasks.servers * idle_.server;
  }

  [[nodiscard]] bool needs_servers() const { return most_.servers > 0; }

  static constexpr float kNoRoom = std::numeric_limits<float>::infinity();

 private:
  static constexpr float kUnknown = -1;
  std::vector<float>& known_ranks(PriceFloor::Interval interval) {
    std::vector<float>& known = ranks_[interval];
    if (known.empty()) known.assign(context_.ledger.state_count(), kUnknown);
    return known;
  }
  [[nodiscard]] float find_rank(StateId state, PriceFloor::Interval interval);

  const SlotContext& context_;
  TaskCounts most_;
  JobPrices::Pair idle_;
  std::vector<std::vector<float>> ranks_;           ///< By interval, state.
  std::vector<std::uint32_t> polygon_of_;           ///< By state; 0: not worked out.
  std::deque<std::vector<TaskPoint>> polygons_{1};  ///< Stay where they are.
};

}  // namespace bourse
