#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace bourse {

// The external placement problem of one slot: the cheapest way to run W workers and S servers.
//   min  sum_h A_h w_h + B_h s_h
//   s.t. sum_h w_h >= W, sum_h s_h >= S, alpha w_h + beta s_h <= residual_h, w, s >= 0 and whole.
// Source: PD-ORS, the external case of theta(t, v).

/// Machines of one slot as flat arrays; a machine is its position.
struct SlotMachines {
  std::size_t resource_count = 0;
  std::vector<double> worker_price{};    ///< A_h: price of one worker on h, utility; >= 0.
  std::vector<double> server_price{};    ///< B_h: price of one server on h, utility; >= 0.
  std::vector<std::int64_t> residual{};  ///< Machine-major, exact amounts; <= 0 is no room.

  [[nodiscard]] std::size_t size() const { return worker_price.size(); }
  [[nodiscard]] std::span<const std::int64_t> residual_of(std::size_t machine) const {
    return {residual.data() + machine * resource_count, resource_count};
  }
};

/// Demands of one task by role, one amount (>= 0) a resource. Views: the owner outlives them.
struct SlotDemand {
  std::span<const std::int64_t> worker;  ///< alpha.
  std::span<const std::int64_t> server;  ///< beta.
};

/// Tasks on one machine.
struct SlotTasks {
  std::uint32_t machine = 0;
  int workers = 0;
  int servers = 0;
  friend bool operator==(const SlotTasks&, const SlotTasks&) = default;
};

struct SlotPlacement {
  std::vector<SlotTasks> tasks;  ///< By machine, no empty ones.
  double cost = 0;               ///< Sum of prices, added by machine; utility.
};

/// A solution of the relaxation: parts of tasks.
struct FractionalPlacement {
  std::vector<double> workers;  ///< One a machine.
  std::vector<double> servers;
  double cost = 0;  ///< Never above the cost of a whole placement.
};

/// True if the placement respects every machine's residual and has at least W workers, S servers.
[[nodiscard]] bool is_placement(const SlotMachines& machines, const SlotDemand& demand,
                                std::span<const SlotTasks> tasks, int workers, int servers);

/// The linear relaxation of one slot, kept ready to be solved for many (W, S): only two row bounds
/// change between solves, so the dual simplex starts from the last basis.
///
/// Machines in the same state (equal prices and residual) become one pair of variables, see
/// slot_relaxation.cpp for why the optimum is the same. Each variable is also bounded by the whole
/// tasks that fit on its machine, which cuts off no whole placement and makes the bound tighter.
/// Cost: O(classes x resources) rows; a solve spreads the answer in O(machines x resources).
class SlotRelaxation {
 public:
  /// Copies what it needs from the arguments.
  SlotRelaxation(const SlotMachines& machines, const SlotDemand& demand);
  ~SlotRelaxation();
  SlotRelaxation(SlotRelaxation&&) noexcept;
  SlotRelaxation& operator=(SlotRelaxation&&) noexcept;

  /// The cheapest fractional placement of at least `workers` and `servers` tasks (both >= 0), or
  /// nothing if none fits. Members of a class are filled one after another in the order of their
  /// number, with whole tasks as long as the members left can carry the rest.
  [[nodiscard]] std::optional<FractionalPlacement> solve(int workers, int servers);
  /// Only the cost of the above.
  [[nodiscard]] std::optional<double> cost(int workers, int servers);
  /// Distinct machine states with room for a task.
  [[nodiscard]] std::size_t class_count() const;

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

/// Servers one by one to the cheapest machine with room, then workers likewise, then tasks that are
/// too many are dropped, the most expensive first. Ties by machine. Nothing if some task finds no
/// room. If no server is asked for (or servers need nothing a worker needs) this is the optimum:
/// machines are then bins with a known capacity and one price each, and cheapest first is best.
[[nodiscard]] std::optional<SlotPlacement> place_greedy(const SlotMachines& machines,
                                                        const SlotDemand& demand, int workers,
                                                        int servers);

/// Whole tasks from the relaxation: round down, add what is missing (servers first to the cheapest
/// machine with room, then workers), drop the surplus, the most expensive first. Falls back to
/// place_greedy if the missing tasks find no room. Ties by machine.
/// About 1.003 x the relaxation's cost on random mixed load (measured, see the tests).
[[nodiscard]] std::optional<SlotPlacement> round_deterministic(const SlotMachines& machines,
                                                               const SlotDemand& demand,
                                                               const FractionalPlacement& relaxed,
                                                               int workers, int servers);

struct RandomizedOptions {
  double gain = 1;         ///< G >= 0; the relaxation is scaled by it first. See gain.h.
  int tries = 100;         ///< At least 1; at most 4096.
  std::uint64_t seed = 0;  ///< Of the whole run.
  std::uint64_t job = 0;   ///< Subject of the random stream.
  std::uint32_t slot = 0;  ///< Below 2^20: detail of the stream together with the try.
};

struct RandomizedPlacement {
  std::optional<SlotPlacement> placement;  ///< Nothing if even the repair fails.
  int tries = 0;                           ///< Draws made.
  bool repaired = false;                   ///< True if no draw was feasible as it fell.
};

/// The paper's rounding: independent draws until one satisfies all rows. If none of `tries` does,
/// the last one is repaired: tasks beyond a machine's room are dropped, missing ones are added and
/// surplus ones dropped as in round_deterministic.
/// Source: PD-ORS, independent randomised rounding with gain factor.
[[nodiscard]] RandomizedPlacement round_randomized(const SlotMachines& machines,
                                                   const SlotDemand& demand,
                                                   const FractionalPlacement& relaxed, int workers,
                                                   int servers, const RandomizedOptions& options);

/// One draw of the above: every variable times `gain`, rounded up with a probability equal to its
/// fractional part, else down; so its mean is gain x relaxed. May break any row.
[[nodiscard]] std::vector<SlotTasks> draw_rounding(const FractionalPlacement& relaxed,
                                                   const RandomizedOptions& options, int attempt);

/// All tasks on the one machine where they are cheapest, ties by machine; nothing if no machine has
/// room. Source: PD-ORS, the internal case of theta(t, v).
[[nodiscard]] std::optional<SlotPlacement> place_on_one(const SlotMachines& machines,
                                                        const SlotDemand& demand, int workers,
                                                        int servers);

/// Whole tasks of this demand that fit into `residual`; at most `limit`. A demand of nothing fits
/// `limit` times, and nothing fits where a demanded resource is <= 0.
[[nodiscard]] int tasks_that_fit(std::span<const std::int64_t> demand,
                                 std::span<const std::int64_t> residual, int limit);

}  // namespace bourse
