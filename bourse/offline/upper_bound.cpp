#include "bourse/offline/upper_bound.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/offline/relaxed_shape.h"

namespace bourse {
namespace {

/// Cells of equal length that the default aims at in exact time, and the most in slotted time.
constexpr double kCellsInExactTime = 600;
constexpr double kMostSlots = 4000;
constexpr double kGrowth = 1.1;  ///< Of each cell after the last arrival, in exact time.
constexpr std::size_t kMostCells = 200'000;

/// Time in which the whole cluster could do all work, by its scarcest resource, and the longest
/// time of a job alone.
struct Extent {
  Seconds all{0};
  Seconds longest{0};
};

Extent extent_of(const Instance& instance) {
  const ClusterSummary summary = summary_of(instance.cluster);
  const ResourceVector total = instance.cluster.total();
  std::vector<double> needed(total.size(), 0);
  Extent extent;
  for (const JobSpec& job : instance.jobs) {
    const RelaxedShape shape = relaxed_shape(job, summary);
    if (shape.points.empty()) continue;
    const RelaxedPoint& fastest = shape.points.back();
    const Seconds alone(job.samples / fastest.tasks.rate);
    extent.longest = std::max(extent.longest, alone);
    for (std::size_t r = 0; r < total.size(); ++r)
      needed[r] += alone.value * (static_cast<double>(job.worker[r]) * fastest.tasks.workers +
                                  static_cast<double>(job.server[r]) * fastest.tasks.servers);
  }
  for (std::size_t r = 0; r < total.size(); ++r)
    if (total[r] > 0)
      extent.all = std::max(extent.all, Seconds(needed[r] / static_cast<double>(total[r])));
  return extent;
}

/// Boundaries of cells from `start` to `end`: equal ones until `settled`, then growing by `growth`.
std::vector<Seconds> boundaries(Seconds start, Seconds settled, Seconds end, Seconds cell,
                                double growth) {
  std::vector<Seconds> times{start};
  double length = cell.value;
  while (times.back() < end && times.size() <= kMostCells) {
    if (times.back() >= settled) length *= growth;
    // A multiple of the cell is the same number however many were added before it.
    const auto count = static_cast<double>(times.size());
    const Seconds next =
        length == cell.value ? start + count * cell : times.back() + Seconds(length);
    times.push_back(std::min(next, end));
  }
  times.back() = end;
  return times;
}

std::vector<Seconds> slotted_times(const Instance& instance, Seconds cell, Seconds first,
                                   Seconds last, const Extent& extent) {
  const Seconds slot = instance.slot;
  const double begin = std::floor(first / slot * (1 + 1e-12));
  const Seconds start = begin * slot;
  const bool ends = instance.horizon < kForever;
  const Seconds end = ends ? instance.horizon : last + 2 * extent.all + extent.longest + 2 * slot;
  if (ends && end <= start) return {};
  double slots = std::max(1.0, std::round(cell / slot));
  if (cell <= Seconds(0)) slots = std::max(1.0, std::ceil((end - start) / slot / kMostSlots));
  std::vector<Seconds> times = boundaries(start, end, end, slots * slot, 1);
  if (!ends) times.back() = start + static_cast<double>(times.size() - 1) * slots * slot;
  return times;
}

std::vector<Seconds> exact_times(const Instance& instance, Seconds cell, Seconds first,
                                 Seconds last, const Extent& extent) {
  const bool ends = instance.horizon < kForever;
  const Seconds rest = 2 * extent.all + extent.longest;
  const Seconds end = ends ? instance.horizon : last + rest;
  if (end <= first) return {};
  if (cell <= Seconds(0))
    cell = std::min(std::max(last - first, 0.5 * extent.all), end - first) / kCellsInExactTime;
  const Seconds settled = std::min(end, last + 50 * cell);
  return boundaries(first, settled, end, cell, kGrowth);
}

/// Takes away what is down.
void subtract(CellTable& capacity, const std::vector<Seconds>& times, const Cluster& cluster,
              const std::vector<CapacityLoss>& losses) {
  for (const CapacityLoss& loss : losses) {
    const std::uint32_t machine_class = cluster.machines[loss.machine.index()].class_index;
    const auto after = std::ranges::upper_bound(times, loss.from);
    for (auto cell =
             static_cast<std::size_t>(std::max<std::ptrdiff_t>(after - times.begin(), 1) - 1);
         cell < capacity.cells && times[cell] < loss.to; ++cell) {
      const Seconds from = std::max(loss.from, times[cell]);
      const Seconds to = std::min(loss.to, times[cell + 1]);
      const double share = (to - from) / (times[cell + 1] - times[cell]);
      for (std::size_t r = 0; share > 0 && r < capacity.types; ++r) {
        double& left = capacity.at(cell, machine_class, r);
        left -= share * static_cast<double>(cluster.classes[machine_class].capacity[r]);
      }
    }
  }
  // A class that is down for a whole cell is not there, whatever the rounding of the sums.
  const CellTable full = full_capacity(cluster, 1);
  const std::size_t width = full.values.size();
  for (std::size_t j = 0; j < capacity.values.size(); ++j)
    if (capacity.values[j] < 1e-9 * full.values[j % width]) capacity.values[j] = 0;
}

}  // namespace

UpperBound upper_bound(const Instance& instance, const UpperBoundOptions& options) {
  UpperBound bound;
  if (instance.jobs.empty()) return bound;
  Seconds first = kForever;
  Seconds last{0};
  for (const JobSpec& job : instance.jobs) {
    first = std::min(first, job.arrival);
    last = std::max(last, job.arrival);
  }
  const Extent extent = extent_of(instance);
  bound.times = instance.slot > Seconds(0)
                    ? slotted_times(instance, options.cell, first, last, extent)
                    : exact_times(instance, options.cell, first, last, extent);
  if (bound.times.size() < 2) return bound;
  bound.capacity = full_capacity(instance.cluster, bound.times.size() - 1);
  subtract(bound.capacity, bound.times, instance.cluster, options.losses);
  DualProblem problem{.cluster = &instance.cluster,
                      .times = bound.times,
                      .capacity = bound.capacity,
                      .utility_slot = instance.slot,
                      .open_end = instance.horizon == kForever};
  for (const JobSpec& job : instance.jobs)
    problem.jobs.push_back({.spec = &job, .arrival = job.arrival, .samples = job.samples});
  bound.dual = solve_dual(problem, options.dual);
  bound.utility = bound.dual.bound;
  bound.unhindered = bound.dual.history.front();
  return bound;
}

double bound_tolerance(double bound) { return 1e-9 * (1 + bound); }

}  // namespace bourse
