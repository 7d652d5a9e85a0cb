#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

/// A number for each cell of time, machine class and resource type: capacities, loads or prices.
struct CellTable {
  std::size_t cells = 0;
  std::size_t classes = 0;
  std::size_t types = 0;
  std::vector<double> values{};  ///< cells x classes x types, the type varies fastest.

  CellTable() = default;
  CellTable(std::size_t cell_count, const Cluster& cluster)
      : cells(cell_count),
        classes(cluster.classes.size()),
        types(cluster.types.size()),
        values(cells * classes * types) {}

  [[nodiscard]] std::size_t index(std::size_t cell, std::size_t machine_class,
                                  std::size_t type) const {
    return (cell * classes + machine_class) * types + type;
  }
  [[nodiscard]] double at(std::size_t cell, std::size_t machine_class, std::size_t type) const {
    return values[index(cell, machine_class, type)];
  }
  [[nodiscard]] double& at(std::size_t cell, std::size_t machine_class, std::size_t type) {
    return values[index(cell, machine_class, type)];
  }
};

/// `count` cells of equal length from `start` on: count + 1 instants.
[[nodiscard]] std::vector<Seconds> equal_cells(Seconds start, Seconds length, std::size_t count);

/// What all machines of the cluster offer in each cell, by class. Units: Amounts.
[[nodiscard]] CellTable full_capacity(const Cluster& cluster, std::size_t cell_count);

/// A job, or several alike.
struct DualJob {
  const JobSpec* spec = nullptr;  ///< Shape, demands, utility; outlives the problem.
  Seconds arrival{0};             ///< Utility counts from here; may be before the first cell.
  double samples = 1;             ///< Work that is left, > 0; JobSpec::samples for a new job.
  double weight = 1;              ///< How many such jobs are expected, >= 0; need not be whole.
};

/// Jobs that compete for capacity over time, everything known in advance: the instance of a
/// certificate, or a forecast.
struct DualProblem {
  const Cluster* cluster = nullptr;  ///< Outlives the problem. Limits what one job can use at once.
  /// Instants that increase; cell k of time is [times[k], times[k + 1]). At least two.
  std::vector<Seconds> times{};
  /// What jobs may take in each cell, Amounts, as a mean over the cell; >= 0. Residual capacity for
  /// a policy, what machines that are up have for a certificate.
  CellTable capacity{};
  std::vector<DualJob> jobs{};
  /// Delays that utilities see are whole slots of this length (Instance::slot). 0: exact.
  Seconds utility_slot{0};
  /// True: after the last cell there is room for everything at no price, so that a job may complete
  /// there. False: a job that is not done by then earns nothing.
  bool open_end = false;
};

struct DualOptions {
  std::size_t max_evaluations = 500;  ///< Of the dual function; its cost is below.
  double gap = 1e-4;  ///< Stop when the model says that no more than this share can be gained.
  /// Prices to start from, such as those of the last solution for the same cells; empty: zero.
  std::span<const double> start{};
  /// Called after every evaluation with the share of max_evaluations done and the best bound so
  /// far; false stops. May be null.
  std::function<bool(double, double)> progress{};
};

/// A point of the dual, and what the search for it went through.
struct DualSolution {
  double bound = 0;  ///< Total utility, weighted, that no schedule exceeds. Proven.
  /// Utility per Amount (thousandth of the resource's unit) held for the whole of a cell; the
  /// prices of `bound`. A price per unit and second is value * 1000 / length of the cell.
  CellTable prices{};
  CellTable load{};  ///< Amounts, mean over the cell, that jobs take in the relaxed optimum, about.
  double relaxed_gap = 0;  ///< Share of `bound` that the last model could still gain.
  bool converged = false;  ///< relaxed_gap <= DualOptions::gap; else max_evaluations was reached.
  std::size_t evaluations = 0;
  std::vector<double> history{};  ///< Best bound after each evaluation.
};

/// An upper bound on the total utility of all schedules, by Lagrangian duality.
///
/// For any prices p >= 0, the sum over cells of p x capacity plus, for each job, weight x max(0,
/// the largest over its schedules of utility - cost at p) is at least the weighted utility of every
/// schedule that keeps within capacity: each job's utility - cost is at most its maximum, and the
/// costs of all jobs together are at most p x capacity. The bound stays valid as long as no job's
/// cost is over-estimated and no utility under-estimated; so a job may here
///  - change its tasks at any instant without restarting, and be anywhere between two allocations
///    (the lower convex hull of cost over speed, of its whole-task allocations),
///  - use the cheapest machines of each class together as if they were one large machine, up to as
///    many tasks as fit the empty machines, and one machine or rack up to what one of them holds,
///  - use a whole cell from its arrival on, and complete at the earliest instant of a cell that its
///    fastest speed allows.
/// Identical machines share one price: averaging the prices of machines that are alike never
/// raises the dual function, which is convex and symmetric in them.
///
/// Method: proximal bundle over prices scaled by capacity, from DualOptions::start. Every
/// evaluation is a valid bound and the least is returned. It stops when the cutting-plane model
/// near the best point promises a gain of less than `gap` of the bound, or at max_evaluations.
/// Deterministic; no clock.
///
/// Source: PD-ORS, dual of the offline problem; bundle method as in Hiriart-Urruty and Lemarechal,
/// "Convex Analysis and Minimization Algorithms II".
/// Cost: an evaluation is O(sum over jobs of the cells they look at x log cells); a job stops
/// looking when its utility falls to its best payoff so far.
/// Requires: the fields are in the ranges stated above.
[[nodiscard]] DualSolution solve_dual(const DualProblem& problem, const DualOptions& options = {});

/// The dual function at these prices (as DualSolution::prices, >= 0): a valid bound for any of
/// them. `load`, unless null, receives what the jobs would take.
[[nodiscard]] double dual_value(const DualProblem& problem, std::span<const double> prices,
                                CellTable* load = nullptr);

}  // namespace bourse
