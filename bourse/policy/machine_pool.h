#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "bourse/policy/machine_offers.h"
#include "bourse/solver/slot_core.h"

namespace bourse {

/// The machines of one slot, or of one rack in it, that a job may use, cheapest first and no more
/// of them than are needed: stages of machines up to a rank, each stage reaching three times as far
/// as the one before. A machine beyond the last stage costs more than that stage's rank.
class MachinePool {
 public:
  struct Stage {
    float rank = 0;       ///< Of the dearest candidate at most.
    std::size_t end = 0;  ///< Candidates up to here.
  };

  MachinePool(const SlotContext& context, MachineOffers& offers, std::size_t speed)
      : context_(context),
        offers_(offers),
        speed_(speed),
        core_({context.job.worker, context.job.server}) {}

  /// Starts anew with these machines, at the prices of `slot`.
  void reset(std::span<const StateGroup> groups, SlotIndex slot);

  /// All tasks on one machine: the least cost; infinite if none has room, or if it is at least
  /// `limit`.
  double cost_on_one(TaskCounts tasks, double limit);
  /// Workers only, cheapest machines first: exact. `dearest` gets the price of the last worker.
  double cost_of_workers(int workers, double limit, double& dearest);
  /// Tasks of both roles, by the exact core and its rounding; `parts` gets the placement, by state.
  double cost_of_tasks(TaskCounts tasks, double limit,
                       std::vector<std::pair<StateId, CorePart>>& parts);

 private:
  static constexpr float kNoRank = MachineOffers::kNoRoom;

  /// Fills ranks_.
  void rank_all();
  /// True if every machine with room is in a stage.
  [[nodiscard]] bool is_complete() const { return is_ranked_ && next_rank_ == kNoRank; }
  /// Adds a stage; false if there is no machine left.
  bool extend();
  /// Hands one more stage to the core; false if there is none.
  bool feed();
  double greedy(TaskCounts tasks, std::vector<std::pair<StateId, CorePart>>& parts);
  /// The candidates of a stage.
  [[nodiscard]] std::span<const StateGroup> candidates(std::size_t stage) const;
  [[nodiscard]] const JobPrices::Pair& price(StateId state) {
    return context_.prices.of(state, interval_);
  }

  const SlotContext& context_;
  MachineOffers& offers_;
  std::size_t speed_;
  std::span<const StateGroup> groups_;
  PriceFloor::Interval interval_ = 0;
  std::vector<StateGroup> candidates_;
  std::vector<Stage> stages_;
  bool is_ranked_ = false;    ///< Whether what follows is filled yet.
  std::vector<float> ranks_;  ///< By group; infinite for machines that the job cannot use.
  float next_rank_ = 0;       ///< Least rank beyond the last stage; infinite if there is none.
  SlotCore core_;
  std::vector<StateId> core_states_;  ///< Of the core's classes.
  std::size_t fed_ = 0;               ///< Stages handed to the core.
};

}  // namespace bourse
