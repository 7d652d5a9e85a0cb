#pragma once

#include <string>
#include <vector>

#include "apps/bourse/compare_options.h"
#include "apps/bourse/runs.h"
#include "bourse/report/comparison.h"

namespace bourse {

/// One workload of a comparison, or one group of it.
struct ComparedWorkload {
  std::string name;                ///< For people; unique in a comparison.
  Loaded about;                    ///< Of the first seed; its instance has moved out.
  std::vector<Instance> by_seed;   ///< One for all seeds, or one for each.
  std::vector<std::string> facts;  ///< By seed as well: all that the instance depends on.

  [[nodiscard]] std::size_t at(std::size_t seed_index) const {
    return seed_index < by_seed.size() ? seed_index : by_seed.size() - 1;
  }
};

/// One workload at one load and scale.
struct GridSection {
  std::size_t workload = 0;
  double load = 1;
  int scale = 1;
  Cluster cluster;  ///< `scale` times that of the workload.
};

/// One run.
struct GridCell {
  std::size_t section = 0;
  std::size_t policy = 0;
  std::size_t seed_index = 0;
};

/// All runs of one comparison.
struct Grid {
  const CompareOptions* options = nullptr;  ///< Outlives the grid.
  std::vector<PolicyChoice> policies;
  std::vector<ComparedWorkload> workloads;
  std::vector<GridSection> sections;
  std::vector<GridCell> cells;  ///< By section, policy, seed.
};

/// Reads the workloads and lays out the runs. Errors: those of load(); failed_precondition if the
/// clusters do not match the workloads, a workload has none or stands there twice, or there are too
/// many runs.
[[nodiscard]] Result<Grid> make_grid(const CompareOptions& options,
                                     std::vector<PolicyChoice> policies);

/// What the result of a cell depends on, but for the program: the key of a cache.
[[nodiscard]] std::string key_of(const Grid& grid, const GridCell& cell);

/// "pd-ors on philly-10000, seed 3".
[[nodiscard]] std::string title_of(const Grid& grid, const GridCell& cell);

/// Does one run. Errors: those of make_policy and failures_of.
[[nodiscard]] Result<CellResult> run_cell(const Grid& grid, const GridCell& cell,
                                          const std::function<void(double)>& on_progress);

/// Arrivals move by this much unless the user says otherwise. Time stamps of traces are whole
/// seconds, and the order of equal ones decides a contended queue; slotted time has no such ties.
[[nodiscard]] Seconds jitter_of(const CompareOptions& options, const Instance& instance);

}  // namespace bourse
