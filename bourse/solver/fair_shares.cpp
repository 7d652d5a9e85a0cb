#include "bourse/solver/fair_shares.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bourse/base/check.h"

namespace bourse {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kTolerance = 1e-7;  ///< Of the level; the small programs are not solved closer.
constexpr int kMaxPrices = 300;

/// A job's cheapest way to a rate: `fast` for a share of the time, `slow` for the rest of it.
struct Mix {
  std::size_t fast = 0;
  std::size_t slow = 0;
  double fast_time = 0;
  double slow_time = 0;
  double cost = kInfinite;
  double marginal = 0;  ///< Cost of a little more rate.
};

using Prices = std::vector<double>;

class Sharing {
 public:
  explicit Sharing(const ShareProblem& problem);
  [[nodiscard]] Shares solve() const;

 private:
  [[nodiscard]] double need_at(std::size_t job, double level) const;
  [[nodiscard]] Mix cheapest(std::size_t job, double rate, const Prices& prices) const;
  [[nodiscard]] double cost(const Prices& prices, double level, double* slope) const;
  [[nodiscard]] double largest_level(const Prices& prices, double top) const;
  [[nodiscard]] std::vector<double> use(const Prices& prices, double level) const;
  [[nodiscard]] Shares mixed(const std::vector<Prices>& prices,
                             const std::vector<std::vector<double>>& uses, double level) const;

  const ShareProblem& problem_;
  std::size_t types_;
  std::vector<double> best_;  ///< Fastest rate of each job.
  double top_ = 0;            ///< Level at which every job is as fast as it can be.
};

Sharing::Sharing(const ShareProblem& problem) : problem_(problem), types_(problem.types) {
  BOURSE_CHECK(types_ > 0);
  BOURSE_CHECK(problem.rate.size() == problem.job_count() * types_);
  BOURSE_CHECK(problem.load.size() == problem.rate.size());
  best_.resize(problem.job_count());
  for (std::size_t job = 0; job < best_.size(); ++job) {
    const double* const rates = problem.rate.data() + job * types_;
    best_[job] = *std::max_element(rates, rates + types_);
    if (best_[job] <= 0) continue;
    const ShareNeed& need = problem.needs[job];
    top_ = std::max(top_, need.span / (need.work / best_[job] + need.age));
  }
}

double Sharing::need_at(std::size_t job, double level) const {
  const ShareNeed& need = problem_.needs[job];
  const double left = need.span - need.age * level;
  if (left <= 0) return best_[job];
  return std::min(best_[job], need.work * level / left);
}

/// The lower hull of (rate, price x load) over the types and the idle point (0, 0), at `rate`.
Mix Sharing::cheapest(std::size_t job, double rate, const Prices& prices) const {
  const double* const rates = problem_.rate.data() + job * types_;
  const double* const loads = problem_.load.data() + job * types_;
  Mix best;
  for (std::size_t j = 0; j < types_; ++j) {
    if (rates[j] < rate || rates[j] <= 0) continue;
    const double price = prices[j] * loads[j];
    const double alone = price / rates[j];
    if (alone * rate < best.cost) best = {j, j, rate / rates[j], 0, alone * rate, alone};
    for (std::size_t i = 0; i < types_; ++i) {
      if (rates[i] >= rate || rates[i] <= 0) continue;
      const double slow_price = prices[i] * loads[i];
      const double slope = (price - slow_price) / (rates[j] - rates[i]);
      const double mixed = slow_price + slope * (rate - rates[i]);
      if (mixed >= best.cost) continue;
      const double fast_time = (rate - rates[i]) / (rates[j] - rates[i]);
      best = {j, i, fast_time, 1 - fast_time, mixed, slope};
    }
  }
  return best;
}

/// What all needs cost, and how fast that grows with the level.
double Sharing::cost(const Prices& prices, double level, double* slope) const {
  double sum = 0;
  *slope = 0;
  for (std::size_t job = 0; job < best_.size(); ++job) {
    if (best_[job] <= 0) continue;
    const double rate = need_at(job, level);
    const Mix mix = cheapest(job, rate, prices);
    sum += mix.cost;
    if (rate >= best_[job]) continue;
    const ShareNeed& need = problem_.needs[job];
    const double left = need.span - need.age * level;
    *slope += mix.marginal * need.work * need.span / (left * left);
  }
  return sum;
}

/// The largest level up to `top` that costs at most 1. The cost only grows with the level: Newton
/// within a bracket.
double Sharing::largest_level(const Prices& prices, double top) const {
  double low = 0;
  double high = top;
  double level = top;
  for (int i = 0; i < 200 && high - low > 1e-14 * high; ++i) {
    double slope = 0;
    const double excess = cost(prices, level, &slope) - 1;
    if (excess <= 0 && level == top) return top;
    (excess > 0 ? high : low) = level;
    const double next = slope > 0 ? level - excess / slope : kInfinite;
    if (std::abs(next - level) <= 1e-14 * level) return std::min(next, top);
    level = next > low && next < high ? next : (low + high) / 2;
  }
  return high;
}

/// Share of each type that the cheapest mixes take.
std::vector<double> Sharing::use(const Prices& prices, double level) const {
  std::vector<double> use(types_);
  for (std::size_t job = 0; job < best_.size(); ++job) {
    if (best_[job] <= 0) continue;
    const Mix mix = cheapest(job, need_at(job, level), prices);
    use[mix.fast] += mix.fast_time * problem_.load[job * types_ + mix.fast];
    use[mix.slow] += mix.slow_time * problem_.load[job * types_ + mix.slow];
  }
  return use;
}

/// Prices, in sum 1, at which the cheapest of `uses` costs most; and that cost.
std::pair<Prices, double> dearest(const std::vector<std::vector<double>>& uses, std::size_t types,
                                  LinearSolver& solver) {
  LinearProgram program;
  LinearRow sum{.lower = 1, .upper = 1};
  for (std::size_t k = 0; k < types; ++k) sum.entries.push_back({program.add_column({}), 1});
  const std::size_t cost = program.add_column({.cost = -1, .lower = -kNoBound});
  program.add_row(std::move(sum));
  for (const std::vector<double>& use : uses) {
    LinearRow row{.entries = {{cost, -1}}, .lower = 0};
    for (std::size_t k = 0; k < types; ++k) row.entries.push_back({k, use[k]});
    program.add_row(std::move(row));
  }
  const Result<SolveOutcome> outcome = solver.solve(program);
  if (!outcome || outcome->status != SolveStatus::optimal) return {{}, 0};
  Prices prices(outcome->solution.values.begin(),
                outcome->solution.values.begin() + static_cast<std::ptrdiff_t>(types));
  for (double& price : prices) price = std::max(price, 0.0);
  const double total = std::accumulate(prices.begin(), prices.end(), 0.0);
  for (double& price : prices) price /= total;
  return {std::move(prices), -outcome->solution.objective};
}

/// Weights, in sum 1, of the mixture of `uses` whose fullest type is least full.
std::vector<double> best_mixture(const std::vector<std::vector<double>>& uses, std::size_t types,
                                 LinearSolver& solver) {
  LinearProgram program;
  LinearRow sum{.lower = 1, .upper = 1};
  for (std::size_t i = 0; i < uses.size(); ++i) sum.entries.push_back({program.add_column({}), 1});
  const std::size_t fullest = program.add_column({.cost = 1});
  program.add_row(std::move(sum));
  for (std::size_t k = 0; k < types; ++k) {
    LinearRow row{.entries = {{fullest, -1}}, .upper = 0};
    for (std::size_t i = 0; i < uses.size(); ++i) row.entries.push_back({i, uses[i][k]});
    program.add_row(std::move(row));
  }
  const Result<SolveOutcome> outcome = solver.solve(program);
  std::vector<double> weights(uses.size());
  if (!outcome || !outcome->has_solution()) {
    weights.back() = 1;
    return weights;
  }
  double total = 0;
  for (std::size_t i = 0; i < uses.size(); ++i)
    total += weights[i] = std::max(0.0, outcome->solution.values[i]);
  for (double& weight : weights) weight /= total;
  return weights;
}

Shares Sharing::mixed(const std::vector<Prices>& prices,
                      const std::vector<std::vector<double>>& uses, double level) const {
  std::vector<double> weights{1};
  if (uses.size() > 1) {
    const auto solver = make_clp_solver();
    weights = best_mixture(uses, types_, *solver);
  }
  Shares shares{std::vector<double>(problem_.rate.size()), level};
  std::vector<double> used(types_);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    for (std::size_t job = 0; job < best_.size(); ++job) {
      if (best_[job] <= 0) continue;
      const Mix mix = cheapest(job, need_at(job, level), prices[i]);
      shares.time[job * types_ + mix.fast] += weights[i] * mix.fast_time;
      shares.time[job * types_ + mix.slow] += weights[i] * mix.slow_time;
    }
    for (std::size_t k = 0; k < types_; ++k) used[k] += weights[i] * uses[i][k];
  }
  const double fullest = *std::ranges::max_element(used);
  if (fullest > 1)
    for (double& time : shares.time) time /= fullest;
  return shares;
}

Shares Sharing::solve() const {
  if (top_ <= 0) return {std::vector<double>(problem_.rate.size()), kInfinite};
  std::vector<Prices> prices{Prices(types_, 1 / static_cast<double>(types_))};
  double level = largest_level(prices[0], top_);
  std::vector<std::vector<double>> uses{use(prices[0], level)};
  const auto solver = types_ > 1 ? make_clp_solver() : nullptr;
  bool is_exact = true;  // Whether `uses` are those at `level`, or only scaled to it.
  for (int i = 0; types_ > 1 && i < kMaxPrices; ++i) {
    const auto [next, cost_of_next] = dearest(uses, types_, *solver);
    if (cost_of_next <= 1 + kTolerance) {
      if (is_exact) break;
      for (std::size_t c = 0; c < prices.size(); ++c) uses[c] = use(prices[c], level);
      is_exact = true;
      continue;
    }
    const double bound = largest_level(next, level);
    if (bound < level) {
      for (std::vector<double>& each : uses)
        for (double& share : each) share *= bound / level;
      level = bound;
      is_exact = false;
    }
    prices.push_back(next);
    uses.push_back(use(next, level));
  }
  if (!is_exact)
    for (std::size_t c = 0; c < prices.size(); ++c) uses[c] = use(prices[c], level);
  Shares shares = mixed(prices, uses, level);
  if (level >= top_) shares.level = kInfinite;
  return shares;
}

}  // namespace

Shares fair_shares(const ShareProblem& problem) { return Sharing(problem).solve(); }

LinearProgram share_program(const ShareProblem& problem) {
  const std::size_t types = problem.types;
  LinearProgram program;
  for (std::size_t i = 0; i < problem.rate.size(); ++i)
    program.add_column({.upper = problem.rate[i] > 0 ? 1.0 : 0.0});
  const std::size_t level = program.add_column({.cost = -1});
  for (std::size_t job = 0; job < problem.job_count(); ++job) {
    LinearRow time{.upper = 1};
    LinearRow rate{.lower = 0};
    bool can_run = false;
    for (std::size_t i = job * types; i < (job + 1) * types; ++i) {
      time.entries.push_back({i, 1});
      rate.entries.push_back({i, problem.rate[i]});
      can_run |= problem.rate[i] > 0;
    }
    if (!can_run) continue;
    rate.entries.push_back({level, -problem.needs[job].work / problem.needs[job].span});
    program.add_row(std::move(time));
    program.add_row(std::move(rate));
  }
  for (std::size_t k = 0; k < types; ++k) {
    LinearRow capacity{.upper = 1};
    for (std::size_t job = 0; job < problem.job_count(); ++job)
      capacity.entries.push_back({job * types + k, problem.load[job * types + k]});
    program.add_row(std::move(capacity));
  }
  return program;
}

}  // namespace bourse
