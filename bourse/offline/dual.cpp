#include "bourse/offline/dual.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/offline/bundle.h"
#include "bourse/offline/relaxed_job.h"
#include "bourse/offline/relaxed_shape.h"

namespace bourse {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The dual function of one problem.
class Dual {
 public:
  explicit Dual(const DualProblem& problem);

  /// At prices in the unit of DualSolution::prices; `load` is overwritten.
  double value(std::span<const double> prices, CellTable& load);

 private:
  const DualProblem& problem_;
  std::vector<RelaxedShape> shapes_;  ///< One for each spec.
  std::vector<RelaxedJob> jobs_;
  std::vector<double> closed_;  ///< The prices, infinite where there is no capacity.
};

Dual::Dual(const DualProblem& problem) : problem_(problem) {
  BOURSE_CHECK(problem.times.size() == problem.capacity.cells + 1);
  BOURSE_CHECK(problem.capacity.types == problem.cluster->types.size());
  BOURSE_CHECK(problem.capacity.classes == problem.cluster->classes.size());
  const ClusterSummary summary = summary_of(*problem.cluster);
  std::map<const JobSpec*, std::size_t> known;
  std::vector<std::size_t> shape_of;
  for (const DualJob& job : problem.jobs) {
    const auto [at, is_new] = known.try_emplace(job.spec, shapes_.size());
    if (is_new) shapes_.push_back(relaxed_shape(*job.spec, summary));
    shape_of.push_back(at->second);
  }
  std::vector<const RelaxedShape*> shapes;
  for (const std::size_t index : shape_of) shapes.push_back(&shapes_[index]);
  jobs_ = relaxed_jobs(problem, shapes);
}

double Dual::value(std::span<const double> prices, CellTable& load) {
  const std::vector<double>& capacity = problem_.capacity.values;
  BOURSE_CHECK(prices.size() == capacity.size());
  closed_.assign(prices.begin(), prices.end());
  double value = 0;
  for (std::size_t j = 0; j < capacity.size(); ++j) {
    BOURSE_CHECK(prices[j] >= 0);
    if (capacity[j] > 0)
      value += prices[j] * capacity[j];
    else
      closed_[j] = kInfinity;
  }
  load = problem_.capacity;
  std::ranges::fill(load.values, 0);
  ScheduleSearch search(problem_, closed_);
  for (RelaxedJob& job : jobs_) {
    const double payoff = search.best_payoff(job);
    if (payoff <= 0) continue;
    value += job.weight * payoff;
    search.add_load(job, load);
  }
  return value;
}

}  // namespace

std::vector<Seconds> equal_cells(Seconds start, Seconds length, std::size_t count) {
  std::vector<Seconds> times;
  for (std::size_t k = 0; k <= count; ++k) times.push_back(start + static_cast<double>(k) * length);
  return times;
}

CellTable full_capacity(const Cluster& cluster, std::size_t cell_count) {
  CellTable capacity(cell_count, cluster);
  for (const Machine& machine : cluster.machines)
    for (std::size_t r = 0; cell_count > 0 && r < capacity.types; ++r)
      capacity.at(0, machine.class_index, r) +=
          static_cast<double>(cluster.classes[machine.class_index].capacity[r]);
  const std::size_t width = capacity.classes * capacity.types;
  for (std::size_t cell = 1; cell < cell_count; ++cell)
    std::copy_n(capacity.values.begin(), width,
                capacity.values.begin() + static_cast<std::ptrdiff_t>(cell * width));
  return capacity;
}

double dual_value(const DualProblem& problem, std::span<const double> prices, CellTable* load) {
  Dual dual(problem);
  CellTable scratch;
  return dual.value(prices, load != nullptr ? *load : scratch);
}

DualSolution solve_dual(const DualProblem& problem, const DualOptions& options) {
  Dual dual(problem);
  const std::vector<double>& capacity = problem.capacity.values;
  std::vector<double> prices(capacity.size());
  CellTable load;
  // The search works on the price of all that a class has in a cell: then a subgradient is 1 - load
  // over capacity, whatever the resource.
  std::vector<double> start(capacity.size(), 0);
  BOURSE_CHECK(options.start.empty() || options.start.size() == capacity.size());
  for (std::size_t j = 0; j < options.start.size(); ++j)
    start[j] = std::max(0.0, options.start[j]) * capacity[j];
  const auto unscale = [&](std::span<const double> point) {
    for (std::size_t j = 0; j < point.size(); ++j)
      prices[j] = capacity[j] > 0 ? point[j] / capacity[j] : 0;
  };
  const auto function = [&](std::span<const double> point, std::span<double> slope) {
    unscale(point);
    const double value = dual.value(prices, load);
    for (std::size_t j = 0; j < slope.size(); ++j)
      slope[j] = capacity[j] > 0 ? 1 - load.values[j] / capacity[j] : 0;
    return value;
  };
  // The model is a mix of schedules of each job that earns `least`. With all shares divided by its
  // largest load over capacity it keeps within capacity, so that no prices give less than that.
  const auto lower = [](std::span<const double> slope, double least) {
    double over = 0;
    for (const double one : slope) over = std::max(over, -one);
    return least / (1 + over);
  };
  const BundleResult best = minimize_nonnegative(
      function, std::move(start),
      {.max_evaluations = options.max_evaluations,
       .gap = options.gap,
       .progress =
           [&](std::size_t evaluations, double value) {
             return !options.progress ||
                    options.progress(static_cast<double>(evaluations) /
                                         static_cast<double>(options.max_evaluations),
                                     value);
           }},
      lower);
  DualSolution solution{.bound = best.value,
                        .prices = problem.capacity,
                        .load = problem.capacity,
                        .relaxed_gap = best.value > 0 ? 1 - best.lower / best.value : 0,
                        .converged = best.converged,
                        .evaluations = best.evaluations,
                        .history = best.history};
  unscale(best.point);
  solution.prices.values = prices;
  for (std::size_t j = 0; j < capacity.size(); ++j)
    solution.load.values[j] = capacity[j] * (1 - best.aggregate[j]);
  return solution;
}

}  // namespace bourse
