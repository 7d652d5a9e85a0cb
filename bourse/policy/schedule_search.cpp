#include "bourse/policy/schedule_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "bourse/model/workload.h"
#include "bourse/policy/cheapest_slots.h"

namespace bourse {
namespace {

/// Less than this share of a slot is not worth starting in.
constexpr double kLeastPartialSlot = 1e-3;
/// Costs of one schedule, summed in two ways, differ by less than this share.
constexpr double kTieTolerance = 1e-9;
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
  double last_share = 1;  ///< How much of what the last slot offers is held and paid for.
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

/// The first of the slots begin .. end - 1 at which the search can stop, else `end`. If it can stop
/// at one it can at all later ones, since utilities do not rise.
template <typename Stops>
SlotIndex first_stop(SlotIndex begin, SlotIndex end, const Stops& stops) {
  while (begin < end) {
    const SlotIndex middle = begin + (end - begin) / 2;
    if (stops(middle))
      end = middle;
    else
      begin = middle + 1;
  }
  return begin;
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
  Best search_cheapest(SlotCosts& full, CheapestSlots& before, SlotIndex end, double last_part,
                       double last_share, double least_cost);
  Best search_levels(SlotCosts& full, SlotCosts* partial, int levels);
  bool improve(std::vector<double>& theta, std::vector<std::uint16_t>& row, SlotCosts& costs,
               SlotIndex slot, double share);
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
  std::vector<double> level_cost_;  ///< Scratch of improve(): a bound, or the cost.
  std::vector<bool> level_is_exact_;
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
  return cost < kNever &&
         (best.cost == kNever ||
          utility - cost > best.payoff() + options_.least_gain * std::abs(best.payoff()));
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

/// All or nothing: the cheapest slots up to each completion slot. With `partial` the gang runs in
/// what is left of the current slot, else it does not. In exact time the last slot is paid for as
/// long as it is held, as the current one is: so a start now, where prices are the same, costs no
/// more than one at the next boundary.
Best Search::search_gang(SlotCosts& full, SlotCosts* partial) {
  Best best;
  double left = left_;
  double base_cost = 0;
  if (partial != nullptr) {
    const double share = slots_.partial / options_.slot;
    const double cost = partial->cost(slots_.first_full - 1, 1);
    if (cost == kNever) return best;
    left = std::max(0.0, left - chunk_ * share);
    base_cost = cost * share;
    if (left <= left_ * 1e-9) {  // The rest of the current slot is enough.
      const double held = std::min(1.0, left_ / (chunk_ * share));
      const Seconds completion =
          start_of(slots_.first_full) - slots_.partial + held * slots_.partial;
      return {
          {{slots_.first_full - 1, 1}}, utility_of(completion), base_cost * held, completion, held};
    }
  }
  const auto needed = static_cast<SlotIndex>(whole_chunks(left, chunk_));
  const double last_part = left / chunk_ - static_cast<double>(needed - 1);
  const double last_share = options_.paper_time ? 1 : last_part;
  const double idle_cost = full.least_curve(slots_.first_full)[1];
  const double least_cost =
      idle_cost == kNever ? 0
                          : base_cost + idle_cost * (static_cast<double>(needed - 1) + last_share);
  CheapestSlots before(needed - 1, base_cost);
  best = search_cheapest(full, before, last_slot(static_cast<double>(needed)), last_part,
                         last_share, least_cost);
  if (partial != nullptr && best.cost < kNever)
    best.choices.insert(best.choices.begin(), {slots_.first_full - 1, 1});
  return best;
}

/// The best completion over full slots: the last one, of which `last_share` is paid for and whose
/// `last_part` completes the job, and the cheapest ones before it, which `before` keeps. Within a
/// run of equal slots only those matter that change what is kept.
Best Search::search_cheapest(SlotCosts& full, CheapestSlots& before, SlotIndex end,
                             double last_part, double last_share, double least_cost) {
  Best best{.last_share = last_share};
  CheapestSlots::Mark best_mark;
  SlotIndex best_last = 0;
  const auto completion_in = [&](SlotIndex slot) {
    return start_of(slot) + last_part * options_.slot;
  };
  const auto stops = [&](SlotIndex slot) {
    return can_stop(slot, completion_in(slot), least_cost, best);
  };
  const auto ends_better = [&](SlotIndex slot, double cost) {
    return before.is_full() && cost < kNever &&
           improves(utility_of(completion_in(slot)), before.cost() + last_share * cost, best);
  };
  for (SlotIndex slot = slots_.first_full; slot < end;) {
    if (stops(slot)) break;
    const SlotIndex run_end = std::min(end, full.run_end(slot));
    const double bound = full.bounds(slot)[1];
    const bool matters = before.would_take(bound) || ends_better(slot, bound);
    const double here = matters ? full.cost(slot, 1) : kNever;
    if (ends_better(slot, here)) {
      best.utility = utility_of(completion_in(slot));
      best.cost = before.cost() + last_share * here;
      best.completion = completion_in(slot);
      best_mark = before.mark();
      best_last = slot;
    }
    if (!before.would_take(here)) {
      // The slots like it that follow complete the job no better, if they do at all.
      if (!before.is_full()) slot = first_stop(slot + 1, run_end, stops);
      if (before.is_full() || slot == run_end) {
        slot = run_end;
        continue;
      }
      break;
    }
    const SlotIndex until = std::min(run_end, slot + std::max(before.missing(), SlotIndex{1}));
    const SlotIndex stop = first_stop(slot + 1, until, stops);
    before.add(slot, stop - slot, here);
    slot = stop;
    if (stop < until) break;
  }
  if (best.cost < kNever) {
    for (const SlotIndex slot : before.slots_at(best_mark)) best.choices.push_back({slot, 1});
    best.choices.push_back({best_last, 1});
  }
  return best;
}

/// The dynamic programme over chunks. For every slot that changes it, a row holds the level taken
/// there for every amount of work done by its end.
Best Search::search_levels(SlotCosts& full, SlotCosts* partial, int levels) {
  struct Row {
    SlotIndex slot;
    std::vector<std::uint16_t> level;
  };
  Best best;
  const auto chunks = whole_chunks(left_, chunk_);
  std::vector<double> theta(chunks + 1, kNever);
  theta[0] = 0;
  std::vector<Row> rows;
  const SlotIndex first = slots_.first_full - (partial != nullptr ? 1 : 0);
  const SlotIndex end = last_slot(static_cast<double>(chunks) / levels);
  const double idle_cost = least_cover_cost(full.least_curve(slots_.first_full), chunks);
  const double least_cost = idle_cost == kNever ? 0 : idle_cost;
  std::size_t best_rows = 0;
  Row row{0, std::vector<std::uint16_t>(chunks + 1)};
  for (SlotIndex slot = first; slot < end;) {
    if (can_stop(slot, start_of(slot + 1), least_cost, best)) break;
    const bool is_partial = partial != nullptr && slot < slots_.first_full;
    const double share = is_partial ? slots_.partial / options_.slot : 1;
    SlotCosts& costs = is_partial ? *partial : full;
    row.slot = slot;
    if (!improve(theta, row.level, costs, slot, share)) {
      // Nor do the slots like it that follow; without a completion the end is still to be found.
      const SlotIndex run_end = is_partial ? slot + 1 : std::min(end, full.run_end(slot));
      const auto stops = [&](SlotIndex later) {
        return can_stop(later, start_of(later + 1), least_cost, best);
      };
      slot = best.cost == kNever ? first_stop(slot + 1, run_end, stops) : run_end;
      if (slot < run_end) break;
      continue;
    }
    rows.push_back(row);
    const double utility = utility_of(start_of(slot + 1));
    if (improves(utility, theta[chunks], best)) {
      best.utility = utility;
      best.cost = theta[chunks];
      best.completion = start_of(slot + 1);
      best_rows = rows.size();
    }
    ++slot;
  }
  std::size_t q = chunks;
  for (std::size_t i = best_rows; i-- > 0 && q > 0;) {
    const std::size_t level = rows[i].level[q];
    if (level == 0) continue;
    best.choices.push_back({rows[i].slot, static_cast<int>(level)});
    q = q > level ? q - level : 0;
  }
  std::ranges::reverse(best.choices);
  return best;
}

/// One slot of the programme: theta[q] becomes the least cost of q chunks with it. Levels are
/// worked out only where their bound would be an improvement. False if nothing changes.
bool Search::improve(std::vector<double>& theta, std::vector<std::uint16_t>& row, SlotCosts& costs,
                     SlotIndex slot, double share) {
  const std::span<const double> bounds = costs.bounds(slot);
  level_cost_.assign(bounds.begin(), bounds.end());
  level_is_exact_.assign(bounds.size(), false);
  std::size_t level_count = 1;
  while (level_count < bounds.size() && bounds[level_count] < kNever) ++level_count;
  bool changed = false;
  for (std::size_t q = theta.size() - 1; q > 0; --q) {
    row[q] = 0;
    for (std::size_t level = 1; level < level_count; ++level) {
      const double rest = theta[q > level ? q - level : 0];
      if (level_cost_[level] * share + rest < theta[q] && !level_is_exact_[level]) {
        level_is_exact_[level] = true;
        level_cost_[level] = costs.cost(slot, static_cast<int>(level));
        if (level_cost_[level] == kNever) level_count = level;  // Nor does more work fit.
      }
      const double cost = level_cost_[level] * share + rest;
      if (cost < theta[q]) {
        theta[q] = cost;
        row[q] = static_cast<std::uint16_t>(level);
        changed = true;
      }
      if (level >= q) break;
    }
  }
  return changed;
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
    double share = is_partial ? slots_.partial / options_.slot : 1;
    if (&choice == &best.choices.back()) share *= best.last_share;
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
  if (partial_costs == nullptr) return realize(search_gang(full, nullptr), full, nullptr);
  Best best = search_gang(full, partial_costs);
  Best later = search_gang(full, nullptr);
  // A later start has to be worth more than what rounding makes of equal costs.
  const double slack = best.cost < kNever ? kTieTolerance * best.cost : 0;
  if (improves(later.utility, later.cost + slack, best)) best = std::move(later);
  return realize(best, full, partial_costs);
}

}  // namespace

SearchResult find_schedule(const Ledger& ledger, const JobSpec& job, JobId id, double samples_left,
                           Seconds now, JobPrices& prices, const SearchOptions& options,
                           SlotCostCounters& counters) {
  const PhaseTimer timer(counters, Phase::search);
  return Search(ledger, job, id, samples_left, now, prices, options, counters).run();
}

void book_slots(Ledger& ledger, const JobSpec& job, std::span<const ScheduledSlot> slots,
                int sign) {
  for (std::size_t i = 0, j = 0; i < slots.size(); i = j) {
    const auto continues = [&](std::size_t k) {
      return slots[k].slot == slots[k - 1].slot + 1 && slots[k].allocation == slots[i].allocation;
    };
    for (j = i + 1; j < slots.size() && continues(j);) ++j;
    ledger.book(slots[i].slot, slots[j - 1].slot + 1, job, slots[i].allocation, sign);
  }
}

}  // namespace bourse
