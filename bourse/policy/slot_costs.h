#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/job.h"
#include "bourse/policy/ledger.h"
#include "bourse/policy/prices.h"

namespace bourse {

enum class RoundingMode {
  deterministic,  ///< Floor of the relaxation, then the greedy top-up.
  randomized,     ///< The paper: scaled by G, independent draws, several tries, then repair.
};

/// Which form of the gain factor scales the relaxation (bourse/solver/gain.h); fixed: as set.
enum class GainForm { cover, packing, safe, fixed };

/// What answers the external case of a slot.
enum class SlotSolver {
  core,  ///< The exact core (bourse/solver/slot_core.h).
  clp,   ///< The paper's linear programme by CLP; the only one that is rounded at random.
};

struct RoundingOptions {
  SlotSolver solver = SlotSolver::core;
  RoundingMode mode = RoundingMode::deterministic;
  GainForm gain_form = GainForm::cover;
  double gain = 1;     ///< For GainForm::fixed.
  double delta = 0.1;  ///< Chance of failure allowed to the gain factor.
  int tries = 20;
  std::uint64_t seed = 1;
};

/// Where the work of PD-ORS goes; a phase does not count what a later one of the list takes.
enum class Phase : std::uint8_t {
  search,      ///< The table over slots and chunks, and all that is not below.
  curves,      ///< Cost curves, the exact cases included.
  relaxation,  ///< Linear programs.
  rounding,    ///< Whole tasks from them.
  placing,     ///< Machines of the chosen slots.
  booking,     ///< The ledger.
};
inline constexpr std::size_t kPhaseCount = 6;
[[nodiscard]] std::string_view name_of(Phase phase);

/// Counts of the work done and, if there is a stopwatch, its time by phase; for benchmarks.
struct SlotCostCounters {
  std::uint64_t curves = 0;       ///< Distinct slot states met.
  std::uint64_t relaxations = 0;  ///< Linear programs solved, of whichever solver.
  std::uint64_t roundings = 0;
  double (*stopwatch)() = nullptr;  ///< Seconds of a clock that only moves on; null: not timed.
  std::array<double, kPhaseCount> seconds{};  ///< By Phase.
  std::optional<Phase> running;               ///< The phase whose time is being taken.
  double since = 0;
};

/// Takes the time of a phase while it lives; the phase around it pauses.
class PhaseTimer {
 public:
  PhaseTimer(SlotCostCounters& counters, Phase phase);
  ~PhaseTimer();
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  void switch_to(std::optional<Phase> phase);

  SlotCostCounters& counters_;
  std::optional<Phase> outer_;
};

/// The work that the levels of a slot stand for: level k is k chunks, done within `duration`.
struct SlotWork {
  double chunk = 1;     ///< Samples of one level, > 0.
  int level_count = 1;  ///< Levels are 1 .. level_count; more make finer steps and cost more time.
  Seconds duration{0};  ///< Of a whole slot, or what is left of the current one; > 0.
};

/// Where a job's tasks of one slot go and what they cost.
struct PlacedSlot {
  Allocation allocation;
  double cost = 0;  ///< Utility, at the prices of the slot.
};

class SlotPricer;
struct SlotContext;

/// theta(t, v): the cheapest way for one job to train v samples in slot t, for every t and for v in
/// whole chunks (levels 1 .. K). Per level it takes the cheaper of
///  - internal: all tasks on the cheapest single machine with room;
///  - external: tasks spread over one rack or the cluster. Without servers, cheapest first is
///    exact; with servers it is the solver's rounded optimum.
/// On clusters with several machine speeds each speed is tried as the slowest that is allowed.
/// Slots in the same state, at the same floor prices, share one curve, and a level is computed when
/// it is asked for. Prices and bookings must not change meanwhile.
/// Source: PD-ORS, theta(t, v) with its internal and external case.
class SlotCosts {
 public:
  /// All references outlive this.
  SlotCosts(const Ledger& ledger, const JobSpec& job, JobId id, JobPrices& prices,
            const RoundingOptions& rounding, SlotWork work, SlotCostCounters& counters);
  ~SlotCosts();

  /// No level costs less than this; [0] is 0. Cheap.
  [[nodiscard]] std::span<const double> bounds(SlotIndex slot);
  /// Cost of one level >= 1; infinite if no placement was found. Never below its bound.
  [[nodiscard]] double cost(SlotIndex slot, int level);
  /// Cost of each level, [0] being 0.
  [[nodiscard]] std::vector<double> curve(SlotIndex slot);
  /// No slot from `from` on has a cheaper curve: that of an idle slot at the least prices.
  [[nodiscard]] std::vector<double> least_curve(SlotIndex from);
  /// First slot after this one that may have another curve.
  [[nodiscard]] SlotIndex run_end(SlotIndex slot);

  /// The placement behind the curve in this very slot. Keeps `previous` if it does the level's
  /// work, has room and costs at most `allowance` (utility) more than the cheapest. Nothing if
  /// there is none.
  [[nodiscard]] std::optional<PlacedSlot> place(SlotIndex slot, int level,
                                                const Allocation* previous, double allowance);

 private:
  /// Slots of one state: a number for each, in order of first sight.
  std::size_t state_of(SlotIndex slot);
  [[nodiscard]] bool equal(SlotIndex a, SlotIndex b) const;
  [[nodiscard]] double cost_at(SlotIndex slot, std::span<const TaskGroup> allocation) const;

  std::unique_ptr<SlotContext> context_;
  std::unique_ptr<SlotPricer> pricer_;
  bool machines_matter_;  ///< The state is that of each machine, not only how many are in which.
  // The run of equal slots that was asked for last.
  SlotIndex run_first_ = 0;
  SlotIndex run_end_ = 0;
  std::size_t run_state_ = 0;
  std::vector<SlotIndex> first_seen_;  ///< A slot of each state.
  /// By fingerprint and price interval; only looked up, never walked.
  std::unordered_multimap<std::uint64_t, std::size_t> known_;
};

}  // namespace bourse
