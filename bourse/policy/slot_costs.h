#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/job.h"
#include "bourse/policy/ledger.h"
#include "bourse/policy/prices.h"
#include "bourse/solver/slot_problem.h"

namespace bourse {

enum class RoundingMode {
  deterministic,  ///< Floor of the relaxation, then the greedy top-up.
  randomized,     ///< The paper: scaled by G, independent draws, several tries, then repair.
};

/// Which form of the gain factor scales the relaxation (bourse/solver/gain.h); fixed: as set.
enum class GainForm { cover, packing, safe, fixed };

struct RoundingOptions {
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
  std::uint64_t curves = 0;       ///< Cost curves computed.
  std::uint64_t relaxations = 0;  ///< Linear programs solved.
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

/// theta(t, v): the cheapest way for one job to train v samples in slot t, for every t and for v in
/// whole chunks (levels 1 .. K). Per level it takes the cheaper of
///  - internal: all tasks on the cheapest single machine with room;
///  - external: tasks spread over one rack or the cluster. Without servers, cheapest first is
///  exact;
///    with servers the linear relaxation is rounded.
/// On clusters with several machine speeds each speed is tried as the slowest that is allowed.
/// Slots in the same state share one curve. Prices and bookings must not change meanwhile.
/// Source: PD-ORS, theta(t, v) with its internal and external case.
class SlotCosts {
 public:
  /// All references outlive this.
  SlotCosts(const Ledger& ledger, const JobSpec& job, JobId id, JobPrices& prices,
            const RoundingOptions& rounding, SlotWork work, SlotCostCounters& counters);
  ~SlotCosts();

  /// Cost of each level, [0] being 0; infinite where no placement was found.
  [[nodiscard]] std::span<const double> curve(SlotIndex slot);
  /// The placement behind the curve in this very slot. Keeps `previous` if it does the level's
  /// work, has room and costs at most `allowance` (utility) more than the cheapest. Nothing if
  /// there is none.
  [[nodiscard]] std::optional<PlacedSlot> place(SlotIndex slot, int level,
                                                const Allocation* previous, double allowance);

 private:
  /// One way to do a level's work: so many tasks within some distance, on fast enough machines.
  struct Way {
    TaskCounts tasks;
    Locality locality = Locality::machine;
    double speed = 1;  ///< Slowest machine allowed.
  };
  struct SpreadProblem;

  [[nodiscard]] std::vector<Way> ways_of(int level) const;
  [[nodiscard]] double cost_of(SlotIndex slot, const Way& way, double limit);
  [[nodiscard]] std::optional<PlacedSlot> place_way(SlotIndex slot, const Way& way);
  [[nodiscard]] double internal_cost(SlotIndex slot, const Way& way);
  [[nodiscard]] double spread_cost_without_servers(SlotIndex slot, const Way& way);
  [[nodiscard]] std::optional<PlacedSlot> spread(SlotIndex slot, const Way& way, double limit);
  [[nodiscard]] std::optional<SlotPlacement> solve(SpreadProblem& problem, SlotIndex slot,
                                                   TaskCounts tasks, double limit);
  [[nodiscard]] double gain_for(const SpreadProblem& problem, TaskCounts tasks) const;
  [[nodiscard]] bool allowed(const MachineState& state, double speed) const;
  [[nodiscard]] double cost_at(SlotIndex slot, std::span<const TaskGroup> allocation);
  std::vector<SpreadProblem>& problems_of(SlotIndex slot, const Way& way);

  const Ledger& ledger_;
  const JobSpec& job_;
  JobId id_;
  JobPrices& prices_;
  const RoundingOptions& rounding_;
  SlotWork work_;
  SlotCostCounters& counters_;
  bool has_servers_;
  bool racks_matter_;
  std::vector<double> speeds_;          ///< Distinct machine speeds, fast first.
  std::vector<std::vector<Way>> ways_;  ///< By level; [0] is empty.
  struct Known;
  std::unique_ptr<Known> known_;
};

}  // namespace bourse
