#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bourse/model/throughput.h"
#include "bourse/policy/slot_costs.h"

namespace bourse {

/// One way to do a level's work: so many tasks within some distance, on fast enough machines.
struct Way {
  TaskCounts tasks;
  Locality locality = Locality::machine;
  std::size_t speed = 0;  ///< Slowest machines allowed, into SlotContext::speeds.
};

/// What the costs of one job's slots are computed from. Owned by SlotCosts.
struct SlotContext {
  const Ledger& ledger;
  const JobSpec& job;
  JobId id;
  JobPrices& prices;
  const RoundingOptions& rounding;
  SlotWork work;
  SlotCostCounters& counters;
  bool racks_matter = false;             ///< Tasks in one rack are faster than across racks.
  std::vector<double> speeds{};          ///< Distinct machine speeds, fast first.
  std::vector<std::vector<Way>> ways{};  ///< By level; [0] is empty.

  [[nodiscard]] bool allowed(const MachineState& state, std::size_t speed) const {
    return !state.down && ledger.cluster().classes[state.class_index].speed >= speeds[speed];
  }
};

/// A solver of slots behind SlotCosts. `state` numbers the distinct slot states from 0 in order of
/// first sight; `slot` is one in that state.
class SlotPricer {
 public:
  virtual ~SlotPricer() = default;
  /// Lower bounds of all levels; valid until the next call.
  [[nodiscard]] virtual std::span<const double> bounds(std::size_t state, SlotIndex slot) = 0;
  [[nodiscard]] virtual double cost(std::size_t state, SlotIndex slot, int level) = 0;
  /// Where the tasks behind cost() go in this very slot. Requires a finite cost.
  [[nodiscard]] virtual std::optional<Allocation> place(std::size_t state, SlotIndex slot,
                                                        int level) = 0;
};

/// Solves with CLP; deterministic or randomized rounding.
[[nodiscard]] std::unique_ptr<SlotPricer> make_clp_pricer(const SlotContext& context);
/// Solves with the exact core.
[[nodiscard]] std::unique_ptr<SlotPricer> make_core_pricer(const SlotContext& context);

}  // namespace bourse
