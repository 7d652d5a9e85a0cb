#include "bourse/policy/oasis_search.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/policy/in_order.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
/// Jobs that take more slots than this are planned at one size.
constexpr double kMostSlotsOfTable = 500;
/// Slots that are looked at without a horizon, at most.
constexpr std::int64_t kMostSlots = 200'000;
constexpr double kAlmost = 1e-9;

using Stretch = SlotBookings::Stretch;

/// Tasks that do the work of a slot, and how they may lie.
struct TaskWay {
  TaskCounts tasks;
  bool is_single = false;  ///< On one machine; else spread, roles apart.
  double speed = 1;        ///< Slowest machine allowed.
};

/// COST(t, .) of one job at frozen prices.
class SlotCost {
 public:
  SlotCost(const OasisMarket& market, const JobSpec& job) : market_(market), job_(job) {
    for (const MachineClass& machine_class : market.bookings.cluster().classes)
      speeds_.push_back(machine_class.speed);
    std::ranges::sort(speeds_, std::greater{});
    speeds_.erase(std::unique(speeds_.begin(), speeds_.end()), speeds_.end());
  }

  /// Ways to train at `rate` samples a second.
  [[nodiscard]] std::vector<TaskWay> ways_at(double rate) const {
    std::vector<TaskWay> ways;
    for (const double speed : speeds_)
      for (const Locality locality : {Locality::machine, Locality::cluster}) {
        const auto tasks = tasks_for_rate(job_.throughput, rate, locality, speed);
        const bool is_single = locality == Locality::machine;
        if (tasks && !(is_single && tasks->servers > 0)) ways.push_back({*tasks, is_single, speed});
      }
    return ways;
  }
  /// Ways to run exactly these tasks.
  [[nodiscard]] std::vector<TaskWay> ways_of(TaskCounts tasks) const {
    std::vector<TaskWay> ways;
    if (tasks.servers == 0) ways.push_back({tasks, true, speeds_.back()});
    ways.push_back({tasks, false, speeds_.back()});
    return ways;
  }

  /// Cost of the cheapest way in a stretch; infinite if none has room.
  [[nodiscard]] double cheapest(const Stretch& stretch, const std::vector<TaskWay>& ways) {
    double best = kInfinite;
    for (const TaskWay& way : ways) best = std::min(best, cost_of(stretch, way));
    return best;
  }
  /// The machines behind it.
  [[nodiscard]] Allocation place(const Stretch& stretch, const std::vector<TaskWay>& ways);
  /// Price of an allocation in a stretch.
  [[nodiscard]] double price_of(const Stretch& stretch, const Allocation& allocation) {
    double sum = 0;
    for (const TaskGroup& group : allocation) {
      const std::uint32_t id = stretch.states[group.machine.index()];
      sum += group.workers * market_.prices.worker(id) + group.servers * market_.prices.server(id);
    }
    return sum;
  }

 private:
  struct Priced {
    double price;
    std::uint32_t state;
  };
  [[nodiscard]] bool allows(std::uint32_t id, bool is_worker, double speed) const {
    const SlotBookings::State& state = market_.bookings.state(id);
    if (state.is_down) return false;
    if (is_worker == state.is_reserved && has_reserved()) return false;
    return !is_worker || market_.bookings.cluster().classes[state.class_index].speed >= speed;
  }
  [[nodiscard]] bool has_reserved() const {
    return market_.bookings.state(market_.bookings.stretches().front().states.back()).is_reserved;
  }
  [[nodiscard]] double price(std::uint32_t id, bool is_worker) {
    return is_worker ? market_.prices.worker(id) : market_.prices.server(id);
  }
  [[nodiscard]] std::int64_t room(std::uint32_t id, bool is_worker, int limit) const {
    return count_that_fits(is_worker ? job_.worker : job_.server, market_.bookings.state(id).free,
                           limit);
  }
  [[nodiscard]] std::vector<Priced> by_price(const Stretch& stretch, bool is_worker, double speed);
  [[nodiscard]] double cost_of(const Stretch& stretch, const TaskWay& way);
  [[nodiscard]] double fill(const std::vector<Priced>& order, int count, bool is_worker,
                            std::vector<std::uint32_t>& machines_left);
  [[nodiscard]] bool fill_machines(const Stretch& stretch, const TaskWay& way, bool is_worker,
                                   Allocation& placed);

  const OasisMarket& market_;
  const JobSpec& job_;
  std::vector<double> speeds_;  ///< Fast first.
};

/// States that may take the role, cheapest first, ties by number.
std::vector<SlotCost::Priced> SlotCost::by_price(const Stretch& stretch, bool is_worker,
                                                 double speed) {
  std::vector<Priced> order;
  for (std::uint32_t id = 0; id < stretch.counts.size(); ++id)
    if (stretch.counts[id] > 0 && allows(id, is_worker, speed))
      order.push_back({price(id, is_worker), id});
  std::ranges::stable_sort(order, {}, &Priced::price);
  return order;
}

double SlotCost::fill(const std::vector<Priced>& order, int count, bool is_worker,
                      std::vector<std::uint32_t>& machines_left) {
  double cost = 0;
  for (const Priced& priced : order) {
    if (count == 0) break;
    const std::int64_t each = room(priced.state, is_worker, count);
    if (each == 0) continue;
    const std::int64_t machines =
        std::min<std::int64_t>(machines_left[priced.state], (count + each - 1) / each);
    const auto taken = static_cast<int>(std::min<std::int64_t>(count, machines * each));
    machines_left[priced.state] -= static_cast<std::uint32_t>(machines);
    cost += taken * priced.price;
    count -= taken;
  }
  return count == 0 ? cost : kInfinite;
}

double SlotCost::cost_of(const Stretch& stretch, const TaskWay& way) {
  if (way.is_single) {
    double best = kInfinite;
    for (std::uint32_t id = 0; id < stretch.counts.size(); ++id)
      if (stretch.counts[id] > 0 && allows(id, true, way.speed) &&
          room(id, true, way.tasks.workers) == way.tasks.workers)
        best = std::min(best, way.tasks.workers * price(id, true));
    return best;
  }
  std::vector<std::uint32_t> left = stretch.counts;
  const double workers = fill(by_price(stretch, true, way.speed), way.tasks.workers, true, left);
  if (way.tasks.servers == 0 || workers == kInfinite) return workers;
  return workers + fill(by_price(stretch, false, 0), way.tasks.servers, false, left);
}

/// The same order as cost_of, machine by machine.
bool SlotCost::fill_machines(const Stretch& stretch, const TaskWay& way, bool is_worker,
                             Allocation& placed) {
  const Allocation others = placed;
  int count = is_worker ? way.tasks.workers : way.tasks.servers;
  for (const Priced& priced : by_price(stretch, is_worker, is_worker ? way.speed : 0)) {
    const std::int64_t each = room(priced.state, is_worker, std::max(count, 1));
    if (each == 0) continue;
    for (std::size_t h = 0; h < stretch.states.size() && count > 0; ++h) {
      if (stretch.states[h] != priced.state) continue;
      if (std::ranges::find(others, MachineId(h), &TaskGroup::machine) != others.end()) continue;
      const auto taken = static_cast<int>(std::min<std::int64_t>(each, count));
      placed.push_back({MachineId(h), is_worker ? taken : 0, is_worker ? 0 : taken});
      count -= taken;
    }
  }
  return count == 0;
}

Allocation SlotCost::place(const Stretch& stretch, const std::vector<TaskWay>& ways) {
  const TaskWay* best = nullptr;
  double least = kInfinite;
  for (const TaskWay& way : ways) {
    const double cost = cost_of(stretch, way);
    if (cost >= least) continue;
    least = cost;
    best = &way;
  }
  Allocation placed;
  if (best == nullptr) return placed;
  if (best->is_single) {
    for (std::size_t h = 0; h < stretch.states.size(); ++h) {
      const std::uint32_t id = stretch.states[h];
      if (!allows(id, true, best->speed) ||
          room(id, true, best->tasks.workers) < best->tasks.workers)
        continue;
      if (best->tasks.workers * price(id, true) <= least)
        return {{MachineId(h), best->tasks.workers, 0}};
    }
  }
  const bool is_placed =
      fill_machines(stretch, *best, true, placed) && fill_machines(stretch, *best, false, placed);
  BOURSE_CHECK(is_placed);
  normalize(placed);
  return placed;
}

/// What all searches for one job have in common.
class OasisSearch {
 public:
  OasisSearch(const OasisMarket& market, const JobSpec& job, double samples, Seconds now)
      : market_(market), job_(job), samples_(samples), now_(now), cost_(market, job) {
    const Seconds slot = market.options.slot;
    first_ = oasis_slot_at(now, slot);
    rest_ = start_of(first_ + 1) - now;
    if (rest_ > slot) rest_ = slot;
  }

  [[nodiscard]] std::optional<OasisSchedule> best() {
    const double full = largest_rate() * slot().value;
    if (full <= 0) return std::nullopt;
    const double slots = samples_ / full;
    set_end(slots);
    if (is_rigid(job_.throughput) || slots > kMostSlotsOfTable) return best_at_one_size();
    return best_by_table(slots);
  }

 private:
  [[nodiscard]] Seconds slot() const { return market_.options.slot; }
  [[nodiscard]] Seconds start_of(std::int64_t t) const { return static_cast<double>(t) * slot(); }
  [[nodiscard]] Seconds duration_of(std::int64_t t) const { return t == first_ ? rest_ : slot(); }
  [[nodiscard]] std::size_t whole_slots(Seconds work) const {
    return static_cast<std::size_t>(std::max(1.0, std::ceil(work / slot() - kAlmost)));
  }
  [[nodiscard]] double largest_rate() const;
  void set_end(double fewest_slots);
  [[nodiscard]] double utility_of(std::int64_t last, Seconds completion) const;
  [[nodiscard]] std::optional<OasisSchedule> best_at_one_size();
  /// Share of a slot that is paid: of the current one only the rest, in exact time.
  [[nodiscard]] double share_of(std::int64_t t) const {
    return market_.options.slotted || t != first_ ? 1 : rest_ / slot();
  }
  /// Whether a later completion is worth it.
  [[nodiscard]] bool betters(double payoff, double best) const {
    return best == -kInfinite || payoff > best + market_.options.least_gain * std::abs(best);
  }
  void try_gang(const std::vector<TaskWay>& ways, double rate, bool uses_current,
                std::optional<OasisSchedule>& best);
  /// The last of a gang's slots.
  struct Completion {
    std::int64_t slot = 0;
    Seconds at{0};
    double share = 1;  ///< Of the slot that is paid.
    double payoff = 0;
  };
  [[nodiscard]] std::optional<Completion> complete_later(const std::vector<TaskWay>& ways,
                                                         std::int64_t from, Seconds work,
                                                         double paid, double payoff);
  using Chosen = std::vector<std::pair<std::int64_t, const std::vector<TaskWay>*>>;
  [[nodiscard]] Chosen cheapest_slots(const std::vector<TaskWay>& ways, std::int64_t from,
                                      std::size_t count, std::int64_t last);
  [[nodiscard]] std::optional<OasisSchedule> best_by_table(double slots);
  [[nodiscard]] std::vector<double> curve(std::int64_t t, double chunk, int levels,
                                          std::vector<std::vector<TaskWay>>& ways);
  /// Places the slots one after another, of the last of which `last_share` is paid; the allocation
  /// of the slot before is kept where that costs, over all slots, no more than the share of
  /// `payoff` that may be spent on it.
  void place(const Chosen& chosen, double last_share, OasisSchedule& schedule, double payoff);

  const OasisMarket& market_;
  const JobSpec& job_;
  double samples_;
  Seconds now_;
  SlotCost cost_;
  std::int64_t first_ = 0;  ///< The current slot.
  std::int64_t end_ = 0;    ///< One beyond the last slot that is looked at.
  Seconds rest_{0};         ///< Of the current slot.
};

/// With the workers of the largest size apart, or on one machine if no servers are needed.
double OasisSearch::largest_rate() const {
  const TaskCounts most = bundle(job_, max_workers(job_.throughput));
  double rate = 0;
  for (const MachineClass& machine_class : market_.bookings.cluster().classes) {
    const double speed = machine_class.speed;
    rate = std::max(rate, samples_per_second(job_.throughput, most, Locality::cluster, speed));
    if (most.servers == 0)
      rate = std::max(rate, samples_per_second(job_.throughput, most, Locality::machine, speed));
  }
  return rate;
}

void OasisSearch::set_end(double fewest_slots) {
  const double window = std::ceil(market_.options.window / slot());
  const double look =
      std::min(2 * std::ceil(fewest_slots) + window + 1, static_cast<double>(kMostSlots));
  end_ = first_ + static_cast<std::int64_t>(look);
  if (market_.options.horizon < kForever)
    end_ = std::min(
        end_, static_cast<std::int64_t>(std::floor(market_.options.horizon / slot() + kAlmost)));
}

double OasisSearch::utility_of(std::int64_t last, Seconds completion) const {
  if (!market_.options.slotted) return utility_at(job_.utility, completion - job_.arrival);
  const std::int64_t arrived = oasis_slot_at(job_.arrival, slot());
  return utility_at(job_.utility, static_cast<double>(last - arrived) * slot());
}

void OasisSearch::place(const Chosen& chosen, double last_share, OasisSchedule& schedule,
                        double payoff) {
  const double allowance = market_.options.stickiness * std::max(0.0, payoff) /
                           static_cast<double>(std::max<std::size_t>(1, chosen.size()));
  const std::vector<Stretch>& stretches = market_.bookings.stretches();
  std::size_t before = stretches.size();
  const std::vector<TaskWay>* ways_before = nullptr;
  schedule.cost = 0;
  double cost = 0;
  for (const auto& [t, ways] : chosen) {
    const std::size_t at = market_.bookings.stretch_of(t);
    if (at != before || ways != ways_before) {
      Allocation placed = cost_.place(stretches[at], *ways);
      BOURSE_CHECK(!placed.empty());
      cost = cost_.price_of(stretches[at], placed);
      if (!schedule.stretches.empty()) {
        const Allocation& last = schedule.stretches.back().allocation;
        if (last != placed && tasks_of(last) == tasks_of(placed) &&
            market_.bookings.has_room(stretches[at], job_, last)) {
          const double stay = cost_.price_of(stretches[at], last);
          const double same_rate = declared_speed(job_, last, market_.bookings.cluster()) -
                                   declared_speed(job_, placed, market_.bookings.cluster());
          if (same_rate >= 0 && stay <= cost + allowance) {
            placed = last;
            cost = stay;
          }
        }
      }
      const bool goes_on = !schedule.stretches.empty() && schedule.stretches.back().to == t &&
                           schedule.stretches.back().allocation == placed;
      if (!goes_on) schedule.stretches.push_back({t, t, std::move(placed)});
    } else if (schedule.stretches.back().to != t) {
      schedule.stretches.push_back({t, t, schedule.stretches.back().allocation});
    }
    schedule.stretches.back().to = t + 1;
    schedule.cost += cost * (t == chosen.back().first ? last_share : share_of(t));
    before = at;
    ways_before = ways;
  }
}

std::optional<OasisSchedule> OasisSearch::best_at_one_size() {
  const bool is_gang = is_rigid(job_.throughput);
  const TaskCounts tasks =
      is_gang ? bundle(job_, max_workers(job_.throughput)) : requested_tasks(job_);
  std::vector<double> speeds;
  for (const MachineClass& machine_class : market_.bookings.cluster().classes)
    speeds.push_back(machine_class.speed);
  const double slowest = std::ranges::min(speeds);
  double rate = samples_per_second(job_.throughput, tasks, Locality::cluster, slowest);
  std::vector<TaskWay> ways = cost_.ways_of(tasks);
  if (rate <= 0 && tasks.servers == 0) {  // A table that knows single machines only.
    rate = samples_per_second(job_.throughput, tasks, Locality::machine, slowest);
    ways.resize(1);
  }
  if (rate <= 0) return std::nullopt;
  std::optional<OasisSchedule> best;
  if (rest_ >= slot() * (1 - kAlmost)) {
    try_gang(ways, rate, false, best);
  } else {
    try_gang(ways, rate, true, best);
    try_gang(ways, rate, false, best);
  }
  return best;
}

/// The last slot and the cheapest of those before it, early ones first, `count` in all.
OasisSearch::Chosen OasisSearch::cheapest_slots(const std::vector<TaskWay>& ways, std::int64_t from,
                                                std::size_t count, std::int64_t last) {
  const std::vector<Stretch>& stretches = market_.bookings.stretches();
  Chosen chosen;
  if (count == 0) return chosen;
  std::vector<std::pair<double, std::int64_t>> slots;
  for (std::int64_t t = from; t < last; ++t)
    slots.emplace_back(cost_.cheapest(stretches[market_.bookings.stretch_of(t)], ways), t);
  std::ranges::stable_sort(slots, {}, &std::pair<double, std::int64_t>::first);
  slots.resize(count - 1);
  for (const auto& [unused, t] : slots) chosen.emplace_back(t, &ways);
  chosen.emplace_back(last, &ways);
  std::ranges::sort(chosen);
  return chosen;
}

/// The cheapest slots that do the work, for every completion. A full first slot is like any other;
/// one that has begun is either used (`uses_current`) or left out.
void OasisSearch::try_gang(const std::vector<TaskWay>& ways, double rate, bool uses_current,
                           std::optional<OasisSchedule>& best) {
  const Seconds duration(samples_ / rate);
  double payoff = best ? best->payoff() : -kInfinite;
  std::optional<Completion> found;
  std::size_t count = whole_slots(duration);  ///< Full ones.
  Seconds work = duration;
  double paid = 0;
  if (uses_current) {
    const double cost =
        cost_.cheapest(market_.bookings.stretches()[market_.bookings.stretch_of(first_)], ways);
    if (cost == kInfinite) return;
    paid = cost * share_of(first_);
    work -= rest_;
    count = work > slot() * kAlmost ? whole_slots(work) : 0;
    if (count == 0) {
      const double share = market_.options.slotted ? 1 : duration / slot();
      const double worth = utility_of(first_, now_ + duration) - cost * share;
      if (betters(worth, payoff)) found = {first_, now_ + duration, share, worth};
    }
  }
  const std::int64_t from = rest_ >= slot() * (1 - kAlmost) ? first_ : first_ + 1;
  if (count > 0) found = complete_later(ways, from, work, paid, payoff);
  if (!found) return;
  Chosen chosen = cheapest_slots(ways, from, count, found->slot);
  if (uses_current) chosen.emplace(chosen.begin(), first_, &ways);
  OasisSchedule schedule{.utility = utility_of(found->slot, found->at), .completion = found->at};
  place(chosen, found->share, schedule, found->payoff);
  best = std::move(schedule);
}

/// The best completion of `work` in slots from `from` on: the slot that completes it, and the
/// cheapest before that. `paid` is spent already; the payoff has to be above `payoff`.
std::optional<OasisSearch::Completion> OasisSearch::complete_later(const std::vector<TaskWay>& ways,
                                                                   std::int64_t from, Seconds work,
                                                                   double paid, double payoff) {
  const std::vector<Stretch>& stretches = market_.bookings.stretches();
  const std::size_t count = whole_slots(work);
  const Seconds last_part = work - static_cast<double>(count - 1) * slot();
  const double share = market_.options.slotted ? 1 : last_part / slot();
  std::optional<Completion> best;
  // The costs of the cheapest slots so far, but for the last; one with the largest leaves first.
  std::priority_queue<double> cheapest;
  double sum = paid;
  std::size_t at = stretches.size();
  double cost = 0;
  bool is_new = true;  // The slots before are not those that were looked at last.
  for (std::int64_t t = from; t < end_; ++t) {
    const Seconds done = start_of(t) + last_part;
    if (payoff > -kInfinite && utility_of(t, done) <= payoff) break;
    const std::size_t here = at + 1 < stretches.size() && stretches[at + 1].from > t
                                 ? at
                                 : market_.bookings.stretch_of(t);
    if (here != at) {
      at = here;
      cost = cost_.cheapest(stretches[at], ways);
      is_new = true;
    }
    const bool is_full = cheapest.size() + 1 == count;
    if (cost == kInfinite || (is_full && !is_new)) {  // No room; or the same slots, and later.
      if (at + 1 == stretches.size()) break;
      continue;
    }
    const double worth = utility_of(t, done) - sum - share * cost;
    if (is_full && betters(worth, payoff)) {
      payoff = worth;
      best = {t, done, share, worth};
    }
    is_new = !is_full || (!cheapest.empty() && cost < cheapest.top());
    if (!is_new) continue;
    if (is_full) {
      sum -= cheapest.top();
      cheapest.pop();
    }
    cheapest.push(cost);
    sum += cost;
  }
  return best;
}

std::vector<double> OasisSearch::curve(std::int64_t t, double chunk, int levels,
                                       std::vector<std::vector<TaskWay>>& ways) {
  const Stretch& stretch = market_.bookings.stretches()[market_.bookings.stretch_of(t)];
  std::vector<double> costs(static_cast<std::size_t>(levels) + 1, kInfinite);
  costs[0] = 0;
  for (int level = 1; level <= levels; ++level) {
    const auto l = static_cast<std::size_t>(level);
    if (ways.size() <= l) ways.push_back(cost_.ways_at(level * chunk / duration_of(t).value));
    costs[l] = cost_.cheapest(stretch, ways[l]);
  }
  return costs;
}

std::optional<OasisSchedule> OasisSearch::best_by_table(double slots) {
  const double full = samples_ / slots;
  const double parts = std::ceil(market_.options.chunks / std::max(1.0, std::ceil(slots)));
  const double most = std::min(full, samples_);
  const double chunk = most / parts * (1 - kAlmost);
  const int levels = static_cast<int>(parts);
  const auto total = static_cast<std::size_t>(std::max(1.0, std::ceil(samples_ / chunk - 1e-6)));
  std::vector<std::vector<TaskWay>> full_ways{{}};
  std::vector<std::vector<TaskWay>> first_ways{{}};
  std::vector<double> least(total + 1, kInfinite);  ///< cost(t, D) of the last slot.
  least[0] = 0;
  std::vector<std::vector<std::uint16_t>> choice;  ///< Level in each slot, by chunks done.
  std::vector<double> costs;
  std::size_t at = std::numeric_limits<std::size_t>::max();
  std::optional<std::int64_t> last;
  double payoff = -kInfinite;
  bool is_settled = false;
  for (std::int64_t t = first_; t < end_; ++t) {
    const Seconds done = start_of(t) + slot();
    if (last && utility_of(t, done) <= payoff) break;
    const bool is_part = t == first_ && rest_ < slot() * (1 - kAlmost);
    const std::size_t here = market_.bookings.stretch_of(t);
    std::vector<std::uint16_t>& chosen = choice.emplace_back(total + 1);
    if (here == at && is_settled) {  // A slot like the last, which bettered nothing.
      if (here + 1 == market_.bookings.stretches().size()) break;
      continue;
    }
    if (is_part) {
      costs = curve(t, chunk, levels, first_ways);
      for (double& cost : costs) cost *= share_of(t);
    } else if (here != at) {
      costs = curve(t, chunk, levels, full_ways);
      at = here;
    }
    is_settled = !is_part;
    for (std::size_t d = total; d > 0; --d) {
      double best = least[d];
      for (std::size_t level = 1; level < costs.size(); ++level) {
        const double sum = least[d > level ? d - level : 0] + costs[level];
        if (sum < best) {
          best = sum;
          chosen[d] = static_cast<std::uint16_t>(level);
        }
        if (level >= d) break;
      }
      is_settled &= chosen[d] == 0;
      least[d] = best;
    }
    if (chosen[total] == 0 || !betters(utility_of(t, done) - least[total], payoff)) continue;
    payoff = utility_of(t, done) - least[total];
    last = t;
  }
  if (!last) return std::nullopt;
  Chosen chosen;
  std::size_t d = total;
  for (std::int64_t t = *last; t >= first_ && d > 0; --t) {
    const std::size_t level = choice[static_cast<std::size_t>(t - first_)][d];
    if (level == 0) continue;
    const bool is_part = t == first_ && rest_ < slot() * (1 - kAlmost);
    chosen.emplace_back(t, is_part ? &first_ways[level] : &full_ways[level]);
    d -= std::min(d, level);
  }
  std::ranges::reverse(chosen);
  OasisSchedule schedule{.utility = utility_of(*last, start_of(*last) + slot()),
                         .completion = start_of(*last) + slot()};
  place(chosen, share_of(*last), schedule, payoff);
  return schedule;
}

/// True if all slots in [from, to) have room for the allocation.
bool fits_all(const OasisMarket& market, const JobSpec& job, const Allocation& allocation,
              std::int64_t from, std::int64_t to) {
  const std::vector<Stretch>& stretches = market.bookings.stretches();
  for (std::size_t s = market.bookings.stretch_of(from);
       s < stretches.size() && stretches[s].from < to; ++s)
    if (!market.bookings.has_room(stretches[s], job, allocation)) return false;
  return true;
}

}  // namespace

std::int64_t oasis_slot_at(Seconds now, Seconds slot) {
  const double position = now / slot;
  return static_cast<std::int64_t>(std::floor(position + kAlmost * std::max(1.0, position)));
}

std::optional<OasisSchedule> find_oasis_schedule(const OasisMarket& market, const JobSpec& job,
                                                 double samples, Seconds now) {
  return OasisSearch(market, job, samples, now).best();
}

std::optional<OasisSchedule> find_rest_of_oasis(const OasisMarket& market, const JobSpec& job,
                                                double samples, Seconds now,
                                                const Allocation& held) {
  const Seconds slot = market.options.slot;
  const std::int64_t current = oasis_slot_at(now, slot);
  const auto schedule_of = [&](std::int64_t from, const Allocation& allocation) {
    const Seconds begin = std::max(now, static_cast<double>(from) * slot);
    const double rate = declared_speed(job, allocation, market.bookings.cluster());
    std::optional<OasisSchedule> schedule;
    if (allocation.empty() || rate <= 0) return schedule;
    const Seconds end = begin + Seconds(samples / rate);
    const std::int64_t to =
        std::max(from + 1, static_cast<std::int64_t>(std::ceil(end / slot - 1e-6)));
    if (!fits_all(market, job, allocation, from, to)) return schedule;
    schedule = OasisSchedule{.stretches = {{from, to, allocation}}, .completion = end};
    return schedule;
  };
  if (auto stays = schedule_of(current, held)) return stays;
  SlotCost cost(market, job);
  const std::vector<TaskWay> ways = cost.ways_of(requested_tasks(job));
  for (const Stretch& stretch : market.bookings.stretches()) {
    const Allocation placed = cost.place(stretch, ways);
    if (auto found = schedule_of(std::max(current, stretch.from), placed)) return found;
  }
  return std::nullopt;
}

}  // namespace bourse
