#include "bourse/policy/sjf_bco_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

namespace bourse {
namespace {

constexpr double kSlack = 1e-9;
constexpr double kCloseEnough = 1.01;  ///< Budgets nearer than this are not told apart.

struct Plan {
  std::vector<BcoPlacement> placements;
  GpuTimes times;
  double makespan = 0;
};

/// One attempt to plan all jobs within a budget.
class Attempt {
 public:
  Attempt(const GpuTimes& times, const BcoOptions& options, double budget)
      : options_(options), budget_(budget), plan_{.placements = {}, .times = times} {}

  bool add(const BcoJob& job, bool is_small) {
    const auto chosen = is_small ? fullest_machines(job) : least_busy_machines(job);
    if (!chosen) return false;
    return book(job, *chosen);
  }
  [[nodiscard]] Plan plan() && { return std::move(plan_); }

 private:
  using Shares = std::vector<std::pair<std::size_t, int>>;  ///< Workers by machine.

  [[nodiscard]] double duration(const BcoJob& job, int machines, int others) const {
    const double jobs = 1 + options_.contention.crossing_share * others;
    return contended_duration(*job.spec, job.samples, machines, jobs, options_.contention).value;
  }
  [[nodiscard]] int room(std::size_t h, const BcoJob& job, double latest_start) const {
    const std::vector<double>& busy = plan_.times.busy[h];
    const auto free = std::ranges::upper_bound(busy, latest_start + kSlack) - busy.begin();
    return static_cast<int>(free) / job.gpus_per_worker;
  }

  /// Small jobs: the machine on which they start first, the fullest of these; or the machines with
  /// the most room at the first instant at which they hold the job, if it ends earlier there.
  [[nodiscard]] std::optional<Shares> fullest_machines(const BcoJob& job) const {
    const auto near = one_machine(job);
    if (job.workers == 1) return near ? std::optional(near->first) : std::nullopt;
    const auto far = most_room(job);
    if (!far) return near ? std::optional(near->first) : std::nullopt;
    if (!near) return far->first;
    const double near_end = near->second + duration(job, 1, 0);
    const double far_end = far->second + duration(job, static_cast<int>(far->first.size()), 0);
    return near_end <= far_end ? near->first : far->first;
  }

  /// Shares and start on one machine.
  [[nodiscard]] std::optional<std::pair<Shares, double>> one_machine(const BcoJob& job) const {
    const double latest = budget_ - duration(job, 1, 0);
    const auto needed =
        static_cast<std::size_t>(job.workers) * static_cast<std::size_t>(job.gpus_per_worker);
    std::optional<std::tuple<double, int, std::size_t>> best;
    for (std::size_t h = 0; h < plan_.times.busy.size(); ++h) {
      const std::vector<double>& busy = plan_.times.busy[h];
      if (busy.size() < needed || !(busy[needed - 1] <= latest + kSlack)) continue;
      const double start = busy[needed - 1];
      if (best && start > std::get<0>(*best)) continue;
      const std::tuple candidate(start, room(h, job, start), h);
      if (!best || candidate < *best) best = candidate;
    }
    if (!best) return std::nullopt;
    return std::pair(Shares{{std::get<2>(*best), job.workers}}, std::get<0>(*best));
  }

  [[nodiscard]] std::optional<std::pair<Shares, double>> most_room(const BcoJob& job) const {
    std::vector<double> available;  // From when on each place for a worker is free.
    const auto each = static_cast<std::size_t>(job.gpus_per_worker);
    for (const std::vector<double>& busy : plan_.times.busy)
      for (std::size_t g = each; g <= busy.size(); g += each) available.push_back(busy[g - 1]);
    const auto needed = static_cast<std::ptrdiff_t>(job.workers);
    if (std::ssize(available) < needed) return std::nullopt;
    std::ranges::nth_element(available, available.begin() + needed - 1);
    const double start = available[static_cast<std::size_t>(needed) - 1];
    std::vector<std::pair<int, std::size_t>> rooms;
    for (std::size_t h = 0; h < plan_.times.busy.size(); ++h)
      if (const int here = room(h, job, start); here > 0) rooms.emplace_back(-here, h);
    std::ranges::sort(rooms);
    Shares shares;
    int left = job.workers;
    for (const auto& [negative, h] : rooms) {
      if (left == 0) break;
      shares.emplace_back(h, std::min(left, -negative));
      left -= shares.back().second;
    }
    return std::pair(std::move(shares), start);
  }

  /// Wide jobs: the machines that are least busy on average, then the least busy of their GPUs.
  [[nodiscard]] std::optional<Shares> least_busy_machines(const BcoJob& job) const {
    std::vector<std::pair<double, std::size_t>> means;
    for (std::size_t h = 0; h < plan_.times.busy.size(); ++h) {
      const std::vector<double>& busy = plan_.times.busy[h];
      if (static_cast<int>(busy.size()) < job.gpus_per_worker) continue;
      double sum = 0;
      for (const double until : busy) sum += until;
      means.emplace_back(sum / static_cast<double>(busy.size()), h);
    }
    std::ranges::sort(means);
    const double wanted = std::max(1.0, options_.lambda) * job.workers;
    // A worker's GPUs are free when the last of them is.
    std::vector<std::tuple<double, std::size_t>> workers;
    for (const auto& [mean, h] : means) {
      if (static_cast<double>(workers.size()) >= wanted) break;
      const auto each = static_cast<std::size_t>(job.gpus_per_worker);
      const std::vector<double>& busy = plan_.times.busy[h];
      for (std::size_t g = each; g <= busy.size(); g += each) workers.emplace_back(busy[g - 1], h);
    }
    if (static_cast<int>(workers.size()) < job.workers) return std::nullopt;
    std::ranges::sort(workers);
    std::vector<int> counts(plan_.times.busy.size());
    for (int i = 0; i < job.workers; ++i)
      ++counts[std::get<1>(workers[static_cast<std::size_t>(i)])];
    Shares shares;
    for (std::size_t h = 0; h < counts.size(); ++h)
      if (counts[h] > 0) shares.emplace_back(h, counts[h]);
    return shares;
  }

  bool book(const BcoJob& job, const Shares& shares) {
    BcoPlacement placed{.id = job.id, .workers = {}};
    int others = 0;
    for (const auto& [h, workers] : shares) {
      const auto last = static_cast<std::size_t>(workers * job.gpus_per_worker) - 1;
      placed.start = std::max(placed.start, plan_.times.busy[h][last]);
      others = std::max(others, plan_.times.crossing[h]);
      placed.workers.emplace_back(MachineId(h), workers);
    }
    const auto machines = static_cast<int>(shares.size());
    placed.end = placed.start + duration(job, machines, machines > 1 ? others : 0);
    if (!(placed.end <= budget_ + kSlack)) return false;
    for (const auto& [h, workers] : shares) {
      std::vector<double>& busy = plan_.times.busy[h];
      std::fill_n(busy.begin(), workers * job.gpus_per_worker, placed.end);
      std::ranges::sort(busy);
      if (machines > 1) ++plan_.times.crossing[h];
    }
    plan_.makespan = std::max(plan_.makespan, placed.end);
    plan_.placements.push_back(std::move(placed));
    return true;
  }

  const BcoOptions& options_;
  double budget_;
  Plan plan_;
};

/// The best plan over all borders; nothing if none keeps the budget.
std::optional<Plan> best_within(const std::vector<BcoJob>& jobs, const std::vector<int>& borders,
                                const GpuTimes& times, const BcoOptions& options, double budget) {
  std::optional<Plan> best;
  for (const int border : borders) {
    Attempt attempt(times, options, budget);
    const bool is_planned = std::ranges::all_of(
        jobs, [&](const BcoJob& job) { return attempt.add(job, job.workers <= border); });
    if (!is_planned) continue;
    Plan plan = std::move(attempt).plan();
    if (!best || plan.makespan < best->makespan - kSlack) best = std::move(plan);
  }
  return best;
}

}  // namespace

std::vector<BcoPlacement> plan_batch(std::vector<BcoJob> jobs, GpuTimes& times,
                                     const BcoOptions& options) {
  constexpr double kNoBudget = std::numeric_limits<double>::max();
  std::ranges::sort(jobs, {}, [](const BcoJob& job) { return std::tuple(job.workers, job.id); });
  std::erase_if(jobs, [&](const BcoJob& job) {
    return !best_within({job}, {job.workers}, times, options, kNoBudget);
  });
  if (jobs.empty()) return {};
  std::vector<int> borders;
  double shortest = 0;
  for (const BcoJob& job : jobs) {
    if (borders.empty() || borders.back() != job.workers) borders.push_back(job.workers);
    const Seconds alone = contended_duration(*job.spec, job.samples, 1, 1, options.contention);
    if (std::isfinite(alone.value)) shortest = std::max(shortest, alone.value);
  }
  std::optional<Plan> best = best_within(jobs, borders, times, options, kNoBudget);
  if (!best) return {};
  double low = std::min(shortest, best->makespan);
  for (int i = 0; i < options.bisections && best->makespan > low * kCloseEnough; ++i) {
    const double budget = (low + best->makespan) / 2;
    auto plan = best_within(jobs, borders, times, options, budget);
    if (plan && plan->makespan < best->makespan)
      best = std::move(plan);
    else
      low = budget;
  }
  times = std::move(best->times);
  return std::move(best->placements);
}

}  // namespace bourse
