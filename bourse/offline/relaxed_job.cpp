#include "bourse/offline/relaxed_job.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bourse/base/check.h"
#include "bourse/model/workload.h"

namespace bourse {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
/// More than the share of its work that a job may lack when the simulation calls it done.
constexpr double kForgivenWork = 2e-8;
/// More than the share of a slot's number by which a completion may be late and still count in it.
constexpr double kForgivenTime = 2e-9;

/// Utility of `demand` in the whole cell at the prices of one class.
double cost_of(const ResourceVector& demand, const double* prices) {
  double cost = 0;
  for (std::size_t r = 0; r < demand.size(); ++r)
    if (demand[r] > 0) cost += static_cast<double>(demand[r]) * prices[r];
  return cost;
}

}  // namespace

ScheduleSearch::ScheduleSearch(const DualProblem& problem, std::span<const double> prices)
    : problem_(problem), prices_(prices) {
  BOURSE_CHECK(prices.size() == problem.capacity.values.size());
}

double ScheduleSearch::share_of(const RelaxedJob& job, std::size_t cell) const {
  return cell == job.first_cell ? job.first_share : 1;
}

ScheduleSearch::Rates ScheduleSearch::rates_of(const RelaxedJob& job, std::uint32_t option,
                                               std::size_t cell) const {
  const RelaxedOption& at = job.shape->options[option];
  const std::size_t classes = problem_.capacity.classes;
  const std::size_t types = problem_.capacity.types;
  const double* const prices = prices_.data() + cell * classes * types;
  Rates rates{.worker = kUnbounded, .server = kUnbounded};
  for (const std::uint32_t c : at.worker_classes)
    if (const double cost = cost_of(job.spec->worker, prices + c * types); cost < rates.worker) {
      rates.worker = cost;
      rates.worker_class = c;
    }
  for (const std::uint32_t c : at.server_classes)
    if (const double cost = cost_of(job.spec->server, prices + c * types); cost < rates.server) {
      rates.server = cost;
      rates.server_class = c;
    }
  return rates;
}

/// Leaves the hull of the job's points in this cell in pieces_, with increasing slopes.
void ScheduleSearch::cut(const RelaxedJob& job, std::size_t cell) {
  const RelaxedShape& shape = *job.shape;
  rates_.clear();
  for (std::uint32_t option = 0; option < shape.options.size(); ++option)
    rates_.push_back(rates_of(job, option, cell));
  hull_.assign(1, {0, 0});
  vertices_.assign(1, 0);
  for (std::uint32_t p = 0; p < shape.points.size(); ++p) {
    const Config& tasks = shape.points[p].tasks;
    const Rates& rates = rates_[shape.points[p].option];
    // Without servers their price does not matter, be it infinite.
    const double cost =
        tasks.workers * rates.worker + (tasks.servers > 0 ? tasks.servers * rates.server : 0.0);
    if (!(cost < kUnbounded)) continue;
    const double rate = tasks.rate;
    while (hull_.size() > 1) {
      const auto& [last_rate, last_cost] = hull_.back();
      const auto& [before_rate, before_cost] = hull_[hull_.size() - 2];
      // The last vertex stays if it lies below the line from the one before it to the new one.
      if ((last_cost - before_cost) * (rate - before_rate) <
          (cost - before_cost) * (last_rate - before_rate))
        break;
      hull_.pop_back();
      vertices_.pop_back();
    }
    if (hull_.size() > 1 && rate <= hull_.back().first) continue;
    hull_.emplace_back(rate, cost);
    vertices_.push_back(p + 1);
  }
  pieces_.clear();
  const double length = (problem_.times[cell + 1] - problem_.times[cell]).value;
  const double share = share_of(job, cell);
  for (std::size_t v = 1; v < hull_.size(); ++v) {
    const double rate = hull_[v].first - hull_[v - 1].first;
    pieces_.push_back({.slope = (hull_[v].second - hull_[v - 1].second) / (rate * length),
                       .work = rate * length * share,
                       .cell = static_cast<std::uint32_t>(cell),
                       .lower = vertices_[v - 1],
                       .upper = vertices_[v]});
  }
}

/// Puts the piece into the heap if it is among the cheapest that do `wanted` samples.
void ScheduleSearch::take(const Piece& piece, double wanted) {
  if (work_ >= wanted && piece.slope >= heap_.front().slope) return;
  const auto by_slope = [](const Piece& a, const Piece& b) { return a.slope < b.slope; };
  heap_.push_back(piece);
  std::ranges::push_heap(heap_, by_slope);
  work_ += piece.work;
  cost_ += piece.slope * piece.work;
  while (work_ - heap_.front().work >= wanted) {
    work_ -= heap_.front().work;
    cost_ -= heap_.front().slope * heap_.front().work;
    std::ranges::pop_heap(heap_, by_slope);
    heap_.pop_back();
  }
}

void ScheduleSearch::walk(const RelaxedJob& job, std::size_t cell) {
  cut(job, cell);
  for (const Piece& piece : pieces_) take(piece, job.samples);
}

double ScheduleSearch::utility_in(RelaxedJob& job, std::size_t cell) const {
  const std::size_t index = cell - job.first_cell;
  while (job.utilities.size() <= index)
    job.utilities.push_back(
        utility_of_cell(problem_, job, problem_.times[job.first_cell + job.utilities.size()]));
  return job.utilities[index];
}

double ScheduleSearch::best_payoff(RelaxedJob& job) {
  const std::size_t cells = problem_.capacity.cells;
  double best = 0;
  runs_ = false;
  heap_.clear();
  work_ = 0;
  cost_ = 0;
  for (std::size_t cell = job.first_cell; cell < cells; ++cell) {
    const double utility = utility_in(job, cell);
    if (utility <= best) return best;
    walk(job, cell);
    if (work_ < job.samples) continue;
    const double cost = cost_ - (work_ - job.samples) * heap_.front().slope;
    if (utility - cost <= best) continue;
    best = utility - cost;
    best_cell_ = cell;
    runs_ = true;
  }
  if (!problem_.open_end) return best;
  // Beyond the last cell there is room for all of it at no price.
  const double utility = utility_of_cell(problem_, job, problem_.times.back());
  if (utility <= best) return best;
  runs_ = false;
  return utility;
}

void ScheduleSearch::add_point(const RelaxedJob& job, std::size_t cell, std::uint32_t point,
                               double share, CellTable& load) const {
  if (point == 0) return;
  const RelaxedPoint& at = job.shape->points[point - 1];
  const Rates rates = rates_of(job, at.option, cell);
  for (std::size_t r = 0; r < load.types; ++r) {
    load.at(cell, rates.worker_class, r) +=
        share * at.tasks.workers * static_cast<double>(job.spec->worker[r]);
    if (at.tasks.servers > 0)
      load.at(cell, rates.server_class, r) +=
          share * at.tasks.servers * static_cast<double>(job.spec->server[r]);
  }
}

void ScheduleSearch::add_load(const RelaxedJob& job, CellTable& load) {
  if (!runs_) return;
  heap_.clear();
  work_ = 0;
  cost_ = 0;
  for (std::size_t cell = job.first_cell; cell <= best_cell_; ++cell) walk(job, cell);
  const double surplus = work_ - job.samples;
  for (std::size_t i = 0; i < heap_.size(); ++i) {
    const Piece& piece = heap_[i];
    const double done = i == 0 ? piece.work - surplus : piece.work;
    const double share = done / piece.work * share_of(job, piece.cell) * job.weight;
    add_point(job, piece.cell, piece.upper, share, load);
    add_point(job, piece.cell, piece.lower, -share, load);
  }
}

double utility_of_cell(const DualProblem& problem, const RelaxedJob& job, Seconds start) {
  Seconds finish = start;
  if (const Seconds slot = problem.utility_slot; slot > Seconds(0)) {
    // A cell that starts with a slot holds no completion that counts in the slot before.
    const double exact = start / slot;
    const double whole = std::round(exact);
    if (std::abs(exact - whole) < 1e-6) finish = (whole + 0.5) * slot;
  }
  finish = std::max(finish, job.earliest);
  return utility_at(job.spec->utility, utility_delay(job.arrival, finish, problem.utility_slot));
}

std::vector<RelaxedJob> relaxed_jobs(const DualProblem& problem,
                                     std::span<const RelaxedShape* const> shapes) {
  std::vector<RelaxedJob> jobs;
  const std::vector<Seconds>& times = problem.times;
  for (std::size_t i = 0; i < problem.jobs.size(); ++i) {
    const DualJob& from = problem.jobs[i];
    const RelaxedShape& shape = *shapes[i];
    const Seconds start = std::max(from.arrival, times.front());
    if (shape.fastest <= 0 || from.weight <= 0) continue;
    RelaxedJob job{.spec = from.spec,
                   .shape = &shape,
                   .weight = from.weight,
                   .samples = from.samples * (1 - kForgivenWork),
                   .arrival = from.arrival};
    if (problem.utility_slot > Seconds(0))
      job.samples -=
          shape.fastest * kForgivenTime * std::max(problem.utility_slot, times.back()).value;
    job.samples = std::max(job.samples, 1e-12 * from.samples);
    job.earliest = start + Seconds(job.samples / shape.fastest);
    const auto after = std::ranges::upper_bound(times, start);
    job.first_cell = static_cast<std::size_t>(after - times.begin()) - 1;
    if (job.first_cell + 1 < times.size()) {
      const Seconds end = times[job.first_cell + 1];
      job.first_share = (end - start) / (end - times[job.first_cell]);
    } else if (!problem.open_end) {
      continue;
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

}  // namespace bourse
