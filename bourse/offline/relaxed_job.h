#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bourse/offline/dual.h"
#include "bourse/offline/relaxed_shape.h"

namespace bourse {

/// A job of a dual problem, prepared to be asked for its best schedule again and again.
struct RelaxedJob {
  const JobSpec* spec = nullptr;
  const RelaxedShape* shape = nullptr;  ///< Of `spec`; its fastest is > 0.
  double weight = 1;
  double samples = 1;             ///< Work left, less the rounding that the simulation forgives.
  Seconds arrival{0};             ///< From which the delay counts.
  Seconds earliest{0};            ///< When it is done if it runs at its fastest from the start on.
  std::size_t first_cell = 0;     ///< That it may use; the number of cells if there is none.
  double first_share = 1;         ///< Of the first cell, in (0, 1].
  std::vector<double> utilities;  ///< Of completing in first_cell, first_cell + 1, ...; a cache.
};

/// Finds the schedules with the largest payoff at given prices.
///
/// In each cell the cost of training at a mean rate is the lower convex hull of the job's points.
/// The cheapest way to train all work by the end of a cell takes the pieces of those hulls with the
/// least slopes, utility per sample, up to that cell: a heap keeps them while cells are added in
/// order of time, so that all completions are looked at in one walk.
class ScheduleSearch {
 public:
  /// Both outlive the search. A price is infinite where a class must not be used.
  ScheduleSearch(const DualProblem& problem, std::span<const double> prices);

  /// max(0, the largest utility - cost). Cost: O(cells looked at x points x log).
  double best_payoff(RelaxedJob& job);

  /// Adds what the schedule of the last best_payoff takes, times the job's weight.
  void add_load(const RelaxedJob& job, CellTable& load);

 private:
  /// A stretch of the hull of one cell, from one point (or nothing) to the next.
  struct Piece {
    double slope = 0;  ///< Utility per sample.
    double work = 0;   ///< Samples.
    std::uint32_t cell = 0;
    std::uint32_t lower = 0;  ///< Index of the point + 1; 0: nothing runs.
    std::uint32_t upper = 0;
  };
  struct Rates {
    double worker = 0;  ///< Utility for one of them in the whole cell.
    double server = 0;
    std::uint32_t worker_class = 0;
    std::uint32_t server_class = 0;
  };

  [[nodiscard]] Rates rates_of(const RelaxedJob& job, std::uint32_t option, std::size_t cell) const;
  [[nodiscard]] double share_of(const RelaxedJob& job, std::size_t cell) const;
  void walk(const RelaxedJob& job, std::size_t cell);
  void cut(const RelaxedJob& job, std::size_t cell);
  void take(const Piece& piece, double wanted);
  [[nodiscard]] double utility_in(RelaxedJob& job, std::size_t cell) const;
  void add_point(const RelaxedJob& job, std::size_t cell, std::uint32_t point, double share,
                 CellTable& load) const;

  const DualProblem& problem_;
  std::span<const double> prices_;
  std::size_t best_cell_ = 0;
  bool runs_ = false;        ///< The last best schedule uses cells up to best_cell_.
  std::vector<Piece> heap_;  ///< The cheapest pieces, the dearest on top.
  double work_ = 0;          ///< Of all pieces in the heap.
  double cost_ = 0;
  std::vector<Piece> pieces_;                    ///< Of the cell at hand.
  std::vector<Rates> rates_;                     ///< By option, in the cell at hand.
  std::vector<std::pair<double, double>> hull_;  ///< Rate and cost of its vertices.
  std::vector<std::uint32_t> vertices_;          ///< Index of the point + 1 of each.
};

/// Prepares the jobs; those that can never run, or never in time, are left out. `shapes` has one
/// entry for each job of the problem.
[[nodiscard]] std::vector<RelaxedJob> relaxed_jobs(const DualProblem& problem,
                                                   std::span<const RelaxedShape* const> shapes);

/// The utility of the earliest completion in a cell; non-increasing in the cell.
[[nodiscard]] double utility_of_cell(const DualProblem& problem, const RelaxedJob& job,
                                     Seconds start);

}  // namespace bourse
