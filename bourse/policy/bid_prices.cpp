#include "bourse/policy/bid_prices.h"

#include <algorithm>
#include <cmath>

namespace bourse {
namespace {

/// A finite horizon of at most so many slots is not made coarser.
constexpr SlotIndex kMostEqualCells = 64;
/// So many cells are one slot each; then each is longer than the one before by a quarter.
constexpr SlotIndex kFineCells = 6;
constexpr double kGrowth = 1.25;

/// Boundaries of cells from `first` to `end`: single slots, then ever longer.
std::vector<SlotIndex> growing_cells(SlotIndex first, SlotIndex end) {
  std::vector<SlotIndex> cells{first};
  double length = 1;
  while (cells.back() < end) {
    cells.push_back(std::min(end, cells.back() + static_cast<SlotIndex>(length)));
    if (cells.back() - first >= kFineCells) length *= kGrowth;
  }
  return cells;
}

}  // namespace

BidPrices::BidPrices(BidPricesOptions options, const std::vector<JobSpec>& history,
                     Seconds history_span)
    : LearnedPrices(options.learned),
      options_(std::move(options)),
      forecast_(options_.forecast, history, history_span) {}

void BidPrices::start(const Cluster& cluster) {
  LearnedPrices::start(cluster);
  cluster_ = &cluster;
  bids_ = PriceFloor(cluster.classes.size(), cluster.types.size());
}

void BidPrices::arrive(const ClusterState& state, const Ledger& ledger, JobId job) {
  LearnedPrices::arrive(state, ledger, job);
  const JobSpec& spec = state.spec(job);
  forecast_.observe(spec);
  largest_ = std::max(largest_, utility_at(spec.utility, Seconds(0)));
  has_news_ = true;
}

std::vector<SlotIndex> BidPrices::cells_from(SlotIndex slot) const {
  SlotIndex end = slot + static_cast<SlotIndex>(std::ceil(options_.window / options_.slot));
  if (options_.horizon < kForever) {
    const auto last = static_cast<SlotIndex>(std::floor(options_.horizon / options_.slot + 1e-9));
    if (last - slot <= kMostEqualCells) {
      std::vector<SlotIndex> cells;
      for (SlotIndex s = slot; s <= last; ++s) cells.push_back(s);
      return cells;
    }
    end = std::min(end, last);
  }
  return growing_cells(slot, end);
}

CellTable BidPrices::room(const Ledger& ledger, std::span<const SlotIndex> cells) const {
  CellTable room(cells.size() - 1, *cluster_);
  for (std::size_t k = 0; k + 1 < cells.size(); ++k) {
    for (SlotIndex slot = cells[k]; slot < cells[k + 1];) {
      const LedgerRun run = ledger.run(slot);
      const SlotIndex end = std::min(run.end, cells[k + 1]);
      const double share =
          static_cast<double>(end - slot) / static_cast<double>(cells[k + 1] - cells[k]);
      for (const StateGroup& group : run.groups) {
        const MachineState state = ledger.state(group.state);
        if (state.down) continue;
        for (std::size_t r = 0; r < state.residual.size(); ++r)
          room.at(k, state.class_index, r) +=
              share * static_cast<double>(group.machines) * static_cast<double>(state.residual[r]);
      }
      slot = end;
    }
  }
  return room;
}

std::vector<double> BidPrices::last_prices(std::span<const SlotIndex> cells) const {
  if (cells_.empty()) return {};
  const std::size_t row = prices_.classes * prices_.types;
  std::vector<double> prices;
  for (std::size_t k = 0; k + 1 < cells.size(); ++k) {
    const SlotIndex middle = (cells[k] + cells[k + 1]) / 2;
    const auto after = std::ranges::upper_bound(cells_, middle) - cells_.begin();
    const auto old =
        std::clamp<std::ptrdiff_t>(after - 1, 0, static_cast<std::ptrdiff_t>(prices_.cells) - 1);
    const auto length = static_cast<double>(cells[k + 1] - cells[k]);
    for (std::size_t i = 0; i < row; ++i)
      prices.push_back(prices_.values[static_cast<std::size_t>(old) * row + i] * length);
  }
  return prices;
}

void BidPrices::prepare(const ClusterState& state, const Ledger& ledger, SlotIndex slot,
                        std::span<const JobId> undecided) {
  const Seconds lasts = std::max(options_.refresh, options_.slot) * (1 - 1e-9);
  const bool is_old = cells_.empty() || state.now() - made_at_ >= lasts;
  if (!is_old && !(options_.paper_time && has_news_)) return;
  std::vector<SlotIndex> cells = cells_from(slot);
  if (cells.size() < 2) return;
  made_at_ = state.now();
  has_news_ = false;

  DualProblem problem{.cluster = cluster_, .capacity = room(ledger, cells)};
  for (const SlotIndex cell : cells) problem.times.push_back(start_of(cell));
  problem.utility_slot = options_.paper_time ? options_.slot : Seconds(0);
  problem.open_end = problem.times.back() + options_.slot * 1e-6 < options_.horizon;
  // Of very many undecided jobs some stand for all.
  const std::size_t step = undecided.size() / std::max<std::size_t>(1, options_.expected_jobs) + 1;
  for (std::size_t i = 0; i < undecided.size(); i += step) {
    const JobSpec& spec = state.spec(undecided[i]);
    problem.jobs.push_back({.spec = &spec,
                            .arrival = spec.arrival,
                            .samples = state.samples_left(undecided[i]),
                            .weight = static_cast<double>(std::min(step, undecided.size() - i))});
  }
  // In slotted time all arrivals of the slot are there.
  const std::span<const Seconds> periods =
      std::span(problem.times).subspan(options_.paper_time ? 1 : 0);
  const Seconds end = problem.open_end ? kForever : problem.times.back();
  for (const ExpectedJob& job : forecast_.expect(state.now(), periods, end, options_.expected_jobs))
    problem.jobs.push_back({.spec = job.spec,
                            .arrival = job.arrival,
                            .samples = job.spec->samples,
                            .weight = job.weight});
  const std::vector<double> from = last_prices(cells);
  const DualSolution solution =
      solve_dual(problem, {.max_evaluations = options_.evaluations, .gap = 1e-3, .start = from});
  take_prices(solution.prices, std::move(cells));
}

void BidPrices::take_prices(const CellTable& prices, std::vector<SlotIndex> cells) {
  cells_ = std::move(cells);
  prices_ = prices;
  bids_ = PriceFloor(cluster_->classes.size(), cluster_->types.size());
  const std::size_t row = prices_.classes * prices_.types;
  std::vector<double> floor(row);
  for (std::size_t k = 0; k < prices_.cells; ++k) {
    const auto length = static_cast<double>(cells_[k + 1] - cells_[k]);
    for (std::size_t i = 0; i < row; ++i) {
      double& price = prices_.values[k * row + i];
      price = std::max(0.0, price / length);
      floor[i] = price * units()[i % prices_.types];
    }
    bids_.append(cells_[k], floor);
  }
  bids_.append(cells_.back(), std::vector<double>(row, 0.0));
}

JobPrices BidPrices::prices_of(const Ledger& ledger, const JobSpec& job) const {
  return {ledger, bounds(), units(), job, is_trusted() ? &bids_ : nullptr};
}

std::optional<JobPrices> BidPrices::prices_without_bids(const Ledger& ledger,
                                                        const JobSpec& job) const {
  if (!is_trusted()) return std::nullopt;
  return JobPrices(ledger, bounds(), units(), job);
}

std::vector<double> BidPrices::unit_prices(const Ledger& ledger, StateId state,
                                           SlotIndex slot) const {
  std::vector<double> prices = LearnedPrices::unit_prices(ledger, state, slot);
  const std::span<const double> floor =
      bids_.prices(bids_.interval_of(slot), ledger.state(state).class_index);
  if (is_trusted() && !floor.empty())
    for (std::size_t r = 0; r < prices.size(); ++r) prices[r] = std::max(prices[r], floor[r]);
  return prices;
}

void BidPrices::earn(JobId job, double utility) {
  earned_ += utility;
  const auto at =
      std::ranges::lower_bound(forgone_jobs_, job, {}, &std::pair<JobId, double>::first);
  if (at == forgone_jobs_.end() || at->first != job) return;
  forgone_ -= at->second;
  forgone_jobs_.erase(at);
}

void BidPrices::forgo(JobId job, double utility) {
  const auto at =
      std::ranges::lower_bound(forgone_jobs_, job, {}, &std::pair<JobId, double>::first);
  if (at != forgone_jobs_.end() && at->first == job) return;
  forgone_jobs_.insert(at, {job, utility});
  forgone_ += utility;
}

}  // namespace bourse
