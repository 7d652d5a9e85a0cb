#include "bourse/policy/schedule_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <queue>
#include <utility>

#include "bourse/model/workload.h"

namespace bourse {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
/// Less than this share of a slot is not worth starting in.
constexpr double kLeastPartialSlot = 1e-3;
/// A job of more chunks than this is declined: its table would not fit in memory.
constexpr double kMaxChunks = 100000;
constexpr double kMaxLevels = 1000;

/// One level of one slot, as chosen.
struct Choice {
  SlotIndex slot;
  int level;
};

/// The best completion found by one of the searches.
struct Best {
  std::vector<Choice> choices;
  double utility = 0;
  double cost = kNever;
  Seconds completion{0};
  [[nodiscard]] double payoff() const { return utility - cost; }
};

/// The slots a job may use.
struct Slots {
  SlotIndex first_full;  ///< First slot that starts at `now` or later.
  SlotIndex end;         ///< One past the last that ends by the horizon.
  bool has_partial;      ///< The current slot, first_full - 1, can be used for what is left of it.
  Seconds partial;       ///< That much is left of it.
};

Slots slots_from(Seconds now, const SearchOptions& options) {
  const double position = now / options.slot;
  const double nearest = std::round(position);
  const bool at_start = std::abs(position - nearest) <= 1e-9 * std::max(1.0, nearest);
  Slots slots{};
  slots.first_full = static_cast<SlotIndex>(at_start ? nearest : std::ceil(position));
  slots.partial = static_cast<double>(slots.first_full) * options.slot - now;
  slots.has_partial =
      !at_start && !options.paper_time && slots.partial > kLeastPartialSlot * options.slot;
  slots.end = std::numeric_limits<SlotIndex>::max();
  if (options.horizon < kForever)
    slots.end = static_cast<SlotIndex>(std::floor(options.horizon / options.slot + 1e-9));
  return slots;
}

/// The most that a slot of the job can train on the idle cluster: with as many workers, up to the
/// largest size, as fit on one machine, in one rack or on all machines, of the fastest speed; or
/// with the fewest, since a ring on a slow network is fastest alone.
/// Servers are not fitted, so it may be more than is possible, never less.
double most_samples_per_slot(const JobSpec& job, const Cluster& cluster, Seconds slot) {
  const int most = max_workers(job.throughput);
  std::vector<std::int64_t> in_class;
  double speed = 0;
  for (const MachineClass& machines : cluster.classes) {
    in_class.push_back(count_that_fits(job.worker, machines.capacity, most));
    speed = std::max(speed, machines.speed);
  }
  std::vector<std::int64_t> in_rack(cluster.rack_count);
  std::int64_t in_cluster = 0;
  for (const Machine& machine : cluster.machines) {
    in_rack[machine.rack] += in_class[machine.class_index];
    in_cluster += in_class[machine.class_index];
  }
  const auto rate_of = [&](std::int64_t workers, Locality locality) {
    const auto count = static_cast<int>(std::min<std::int64_t>(workers, most));
    const TaskCounts tasks{count, servers_for(job.throughput, count)};
    return samples_per_second(job.throughput, tasks, locality, speed);
  };
  const double rate = std::max({rate_of(min_workers(job.throughput), Locality::machine),
                                rate_of(std::ranges::max(in_class), Locality::machine),
                                rate_of(std::ranges::max(in_rack), Locality::rack),
                                rate_of(in_cluster, Locality::cluster)});
  return rate * slot.value;
}

/// How many chunks cover the work; the least work there is takes one.
std::size_t whole_chunks(double samples, double chunk) {
  return static_cast<std::size_t>(std::max(1.0, std::ceil(samples / chunk - 1e-9)));
}

/// The cheapest way to cover `chunks` with slots that all have this curve.
double least_cover_cost(std::span<const double> curve, std::size_t chunks) {
  std::vector<double> cost(chunks + 1, kNever);
  cost[0] = 0;
  for (std::size_t q = 1; q <= chunks; ++q)
    for (std::size_t level = 1; level < curve.size(); ++level)
      cost[q] = std::min(cost[q], curve[level] + cost[q > level ? q - level : 0]);
  return cost[chunks];
}

/// Searches schedules of one job; holds what both kinds of search share.
class Search {
 public:
  Search(const Ledger& ledger, const JobSpec& job, JobId id, double samples_left, Seconds now,
         JobPrices& prices, const SearchOptions& options, SlotCostCounters& counters)
      : ledger_(ledger),
        job_(job),
        id_(id),
        left_(samples_left),
        prices_(prices),
        options_(options),
        counters_(counters),
        slots_(slots_from(now, options)) {}

  SearchResult run();

 private:
  [[nodiscard]] SlotIndex last_slot(double least_slots) const;
  [[nodiscard]] double utility_of(Seconds completion) const;
  [[nodiscard]] Seconds start_of(SlotIndex slot) const {
    return static_cast<double>(slot) * options_.slot;
  }
  [[nodiscard]] bool improves(double utility, double cost, const Best& best) const;
  [[nodiscard]] bool can_stop(SlotIndex slot, Seconds earliest, double least_cost,
                              const Best& best);
  Best search_gang(SlotCosts& full, SlotCosts* partial);
  Best search_levels(SlotCosts& full, SlotCosts* partial, int levels);
  SearchResult realize(const Best& best, SlotCosts& full, SlotCosts* partial);

  const Ledger& ledger_;
  const JobSpec& job_;
  JobId id_;
  double left_;
  JobPrices& prices_;
  const SearchOptions& options_;
  SlotCostCounters& counters_;
  Slots slots_;
  double chunk_ = 0;
  /// Utility and least cost of a completion that is not worth its price even on an idle cluster.
  std::optional<std::pair<double, double>> hopeless_;
};

double Search::utility_of(Seconds completion) const {
  return utility_at(job_.utility, utility_delay(job_.arrival, completion,
                                                options_.paper_time ? options_.slot : Seconds(0)));
}

SlotIndex Search::last_slot(double least_slots) const {
  const double reach = std::ceil(2 * least_slots + options_.window / options_.slot);
  return std::min(slots_.end, slots_.first_full + static_cast<SlotIndex>(std::min(reach, 1e7)));
}

bool Search::improves(double utility, double cost, const Best& best) const {
  return cost < kNever && (best.cost == kNever || utility - cost > best.payoff());
}

/// True if completing in `slot` or later cannot beat the best found: not even at the least cost.
bool Search::can_stop(SlotIndex slot, Seconds earliest, double least_cost, const Best& best) {
  const double utility = utility_of(options_.paper_time ? start_of(slot + 1) : earliest);
  const double bar = best.cost == kNever ? 0 : best.payoff();
  if (options_.must_finish) return best.cost < kNever && utility - least_cost <= bar;
  const bool stops = utility - least_cost <= std::max(0.0, bar);
  if (stops && best.cost == kNever && utility > 0) hopeless_ = {utility, least_cost};
  return stops;
}

/// All or nothing: the cheapest n slots up to each completion slot, kept in a heap. With `partial`
/// the gang runs in what is left of the current slot, else it does not.
Best Search::search_gang(SlotCosts& full, SlotCosts* partial) {
  Best best;
  double left = left_;
  double base_cost = 0;
  if (partial != nullptr) {
    const double share = slots_.partial / options_.slot;
    const double cost = partial->curve(slots_.first_full - 1)[1];
    if (cost == kNever) return best;
    left = std::max(0.0, left - chunk_ * share);
    base_cost = cost * share;
    if (left <= left_ * 1e-9) {  // The rest of the current slot is enough.
      const Seconds rate_time = slots_.partial * (left_ / (chunk_ * share));
      const Seconds completion = start_of(slots_.first_full) - slots_.partial + rate_time;
      return {{{slots_.first_full - 1, 1}}, utility_of(completion), base_cost, completion};
    }
  }
  const auto needed = whole_chunks(left, chunk_);
  const Seconds last_part = options_.slot * (left / chunk_ - static_cast<double>(needed - 1));
  const double idle_cost = full.curve(std::max(ledger_.end(), slots_.first_full))[1];
  const double least_cost =
      idle_cost == kNever ? 0 : base_cost + idle_cost * static_cast<double>(needed);
  // Dearest on top; among equals the latest goes first.
  std::priority_queue<std::pair<double, SlotIndex>> taken;
  double cost = base_cost;
  const SlotIndex end = last_slot(static_cast<double>(needed));
  for (SlotIndex slot = slots_.first_full; slot < end; ++slot) {
    const Seconds completion = start_of(slot) + last_part;
    if (can_stop(slot, completion, least_cost, best)) break;
    const double here = full.curve(slot)[1];
    if (here == kNever) continue;
    taken.emplace(here, slot);
    cost += here;
    if (taken.size() > needed) {
      cost -= taken.top().first;
      const bool dropped_new = taken.top().second == slot;
      taken.pop();
      if (dropped_new) continue;
    }
    if (taken.size() < needed) continue;
    const double utility = utility_of(completion);
    if (completion <= options_.not_before || !improves(utility, cost, best)) continue;
    best.utility = utility;
    best.cost = cost;
    best.completion = completion;
    best.choices.clear();
    auto copy = taken;
    for (; !copy.empty(); copy.pop()) best.choices.push_back({copy.top().second, 1});
  }
  if (partial != nullptr && best.cost < kNever) best.choices.push_back({slots_.first_full - 1, 1});
  std::ranges::sort(best.choices, {}, &Choice::slot);
  return best;
}

/// The dynamic programme over chunks. Row t of `chosen` holds the level taken in that slot for
/// every amount of work done by its end.
Best Search::search_levels(SlotCosts& full, SlotCosts* partial, int levels) {
  Best best;
  const auto chunks = whole_chunks(left_, chunk_);
  std::vector<double> theta(chunks + 1, kNever);
  theta[0] = 0;
  std::vector<std::vector<std::uint16_t>> chosen;
  const SlotIndex first = slots_.first_full - (partial != nullptr ? 1 : 0);
  const SlotIndex end = last_slot(static_cast<double>(chunks) / levels);
  const double idle_cost =
      least_cover_cost(full.curve(std::max(ledger_.end(), slots_.first_full)), chunks);
  const double least_cost = idle_cost == kNever ? 0 : idle_cost;
  SlotIndex best_slot = -1;
  for (SlotIndex slot = first; slot < end; ++slot) {
    if (can_stop(slot, start_of(slot + 1), least_cost, best)) break;
    const bool is_partial = partial != nullptr && slot < slots_.first_full;
    const double share = is_partial ? slots_.partial / options_.slot : 1;
    const std::span<const double> curve = (is_partial ? *partial : full).curve(slot);
    std::vector<std::uint16_t> row(chunks + 1, 0);
    for (std::size_t q = chunks; q > 0; --q) {
      for (std::size_t level = 1; level < curve.size(); ++level) {
        if (curve[level] == kNever) break;
        const double cost = curve[level] * share + theta[q > level ? q - level : 0];
        if (cost < theta[q]) {
          theta[q] = cost;
          row[q] = static_cast<std::uint16_t>(level);
        }
        if (level >= q) break;
      }
    }
    chosen.push_back(std::move(row));
    const double utility = utility_of(start_of(slot + 1));
    if (start_of(slot + 1) <= options_.not_before || !improves(utility, theta[chunks], best))
      continue;
    best.utility = utility;
    best.cost = theta[chunks];
    best.completion = start_of(slot + 1);
    best_slot = slot;
    best.choices.clear();
    std::size_t q = chunks;
    for (SlotIndex s = best_slot; s >= first && q > 0; --s) {
      const std::size_t level = chosen[static_cast<std::size_t>(s - first)][q];
      if (level == 0) continue;
      best.choices.push_back({s, static_cast<int>(level)});
      q = q > level ? q - level : 0;
    }
  }
  std::ranges::reverse(best.choices);
  return best;
}

/// Places the chosen slots for real; the cost is then that of the placements.
SearchResult Search::realize(const Best& best, SlotCosts& full, SlotCosts* partial) {
  SearchResult result;
  if (best.cost == kNever) {
    if (!hopeless_) return result;
    result.verdict = SearchVerdict::priced_out;
    result.schedule.utility = hopeless_->first;
    result.schedule.cost = hopeless_->second;
    return result;
  }
  result.schedule.utility = best.utility;
  result.schedule.completion = best.completion;
  const Allocation* previous = nullptr;
  const double allowance = options_.stickiness * std::max(0.0, best.payoff()) /
                           static_cast<double>(std::max<std::size_t>(best.choices.size(), 1));
  for (const Choice& choice : best.choices) {
    const bool is_partial = partial != nullptr && choice.slot < slots_.first_full;
    const double share = is_partial ? slots_.partial / options_.slot : 1;
    auto placed = (is_partial ? *partial : full)
                      .place(choice.slot, choice.level, previous, allowance / share);
    if (!placed) return {};
    result.schedule.cost += placed->cost * share;
    result.schedule.slots.push_back({choice.slot, std::move(placed->allocation)});
    previous = &result.schedule.slots.back().allocation;
  }
  const bool pays = result.schedule.payoff() > 0 || options_.must_finish;
  result.verdict = pays ? SearchVerdict::found : SearchVerdict::priced_out;
  return result;
}

SearchResult Search::run() {
  const double most = most_samples_per_slot(job_, ledger_.cluster(), options_.slot);
  double fastest = 0;
  double slowest = kNever;
  for (const MachineClass& machines : ledger_.cluster().classes) {
    fastest = std::max(fastest, machines.speed);
    slowest = std::min(slowest, machines.speed);
  }
  const bool is_gang = is_rigid(job_.throughput);
  const bool simple_gang = is_gang && fastest == slowest;
  double levels = options_.chunks;
  if (is_gang) {
    levels = std::clamp(std::round(fastest / slowest), 1.0, levels);
    chunk_ = most / levels;
  } else if (options_.chunk_samples > 0) {
    chunk_ = options_.chunk_samples;
    levels = std::clamp(std::floor(most / chunk_ + 1e-9), 1.0, kMaxLevels);
  } else if (left_ <= most) {
    chunk_ = left_ / levels;
  } else {
    levels = std::ceil(levels / (left_ / most));
    chunk_ = most / levels;
  }
  if (!simple_gang && left_ / chunk_ > kMaxChunks) return {};
  const int level_count = static_cast<int>(levels);
  SlotCosts full(ledger_, job_, id_, prices_, options_.rounding,
                 SlotWork{chunk_, level_count, options_.slot}, counters_);
  std::optional<SlotCosts> partial;
  if (slots_.has_partial) {
    // A gang trains its share of a slot; levels of the table are whole chunks.
    const double chunk = simple_gang ? chunk_ * (slots_.partial / options_.slot) : chunk_;
    partial.emplace(ledger_, job_, id_, prices_, options_.rounding,
                    SlotWork{chunk, level_count, slots_.partial}, counters_);
  }
  SlotCosts* const partial_costs = partial ? &*partial : nullptr;
  if (!simple_gang)
    return realize(search_levels(full, partial_costs, level_count), full, partial_costs);
  Best best = search_gang(full, nullptr);
  if (partial_costs != nullptr) {
    Best sooner = search_gang(full, partial_costs);
    if (improves(sooner.utility, sooner.cost, best)) best = std::move(sooner);
  }
  return realize(best, full, partial_costs);
}

}  // namespace

SearchResult find_schedule(const Ledger& ledger, const JobSpec& job, JobId id, double samples_left,
                           Seconds now, JobPrices& prices, const SearchOptions& options,
                           SlotCostCounters& counters) {
  const PhaseTimer timer(counters, Phase::search);
  return Search(ledger, job, id, samples_left, now, prices, options, counters).run();
}

}  // namespace bourse
