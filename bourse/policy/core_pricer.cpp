#include <algorithm>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/policy/machine_pool.h"
#include "bourse/policy/slot_pricer.h"

namespace bourse {
namespace {

constexpr std::size_t kNoState = std::numeric_limits<std::size_t>::max();

/// The most tasks of each role that any way asks for.
TaskCounts most_tasks(const SlotContext& context) {
  TaskCounts most;
  for (const std::vector<Way>& ways : context.ways)
    for (const Way& way : ways) {
      most.workers = std::max(most.workers, way.tasks.workers);
      most.servers = std::max(most.servers, way.tasks.servers);
    }
  return most;
}

/// One machine's share of tasks that machines alike are to hold: as many as fit, workers and
/// servers in the proportion in which they are left, so that the machine is full of both.
TaskPoint fill_machine(const JobSpec& job, std::span<const Amount> residual, TaskPoint left) {
  ResourceVector room(residual.begin(), residual.end());
  TaskPoint held{};
  const auto add = [&room](const ResourceVector& demand, int& count, int most) {
    if (count == most || !fits(demand, room)) return false;
    for (std::size_t r = 0; r < room.size(); ++r) room[r] -= demand[r];
    ++count;
    return true;
  };
  const auto add_worker = [&] { return add(job.worker, held.workers, left.workers); };
  const auto add_server = [&] { return add(job.server, held.servers, left.servers); };
  while (true) {
    const bool servers_lag =
        std::int64_t{held.servers} * left.workers < std::int64_t{held.workers} * left.servers;
    const bool is_added = servers_lag ? add_server() || add_worker() : add_worker() || add_server();
    if (!is_added) return held;
  }
}

/// The same tasks on no more machines in the same state, so at the same price, but packed: a corner
/// of a hull may be full of one role and leave room that is of no use to anybody. The parts as they
/// were if packing takes more machines.
std::vector<CorePart> packed(const JobSpec& job, std::span<const Amount> residual,
                             std::vector<CorePart> parts) {
  TaskPoint left{};
  int machines = 0;
  for (const CorePart& part : parts) {
    left.workers += part.machines * part.tasks.workers;
    left.servers += part.machines * part.tasks.servers;
    machines += part.machines;
  }
  std::vector<CorePart> full;
  while (left.workers + left.servers > 0) {
    const TaskPoint held = fill_machine(job, residual, left);
    if (std::ssize(full) == machines || held.workers + held.servers == 0) return parts;
    full.push_back({parts.front().class_index, 1, held});
    left.workers -= held.workers;
    left.servers -= held.servers;
  }
  return full;
}

/// The exact core behind SlotCosts. Each distinct slot state has a record of what is known; the
/// machine pools of one state at a time are at hand, and a level is worked out when asked for.
class CorePricer final : public SlotPricer {
 public:
  explicit CorePricer(const SlotContext& context);
  std::span<const double> bounds(std::size_t number, SlotIndex slot) override;
  double cost(std::size_t number, SlotIndex slot, int level) override;
  std::optional<Allocation> place(std::size_t number, SlotIndex slot, int level) override;

 private:
  using Parts = std::vector<std::pair<StateId, CorePart>>;

  struct Cell {
    double cost = -1;           ///< Negative: not known yet.
    const Way* way = nullptr;   ///< The cheapest.
    std::uint32_t rack = 0;     ///< Where racks matter.
    double dearest_worker = 0;  ///< Without servers: the price of the last worker.
    std::size_t parts_begin = 0;
    std::size_t parts_end = 0;
  };
  struct Record {
    std::vector<double> least_rank;  ///< By speed; infinite: no room for any task.
    std::vector<double> bounds;
    std::vector<Cell> cells;
  };

  Record& record(std::size_t number, SlotIndex slot);
  void find_cost(Cell& cell, const Record& known, const Way& way);
  void consider(Cell& cell, const Way& way, MachinePool& pool, std::uint32_t rack);
  [[nodiscard]] bool is_by_rack(const Way& way) const {
    return context_.racks_matter && way.locality == Locality::rack;
  }
  /// Makes a state the one whose pools are at hand.
  void enter(std::size_t number, SlotIndex slot);
  MachinePool& pool_of(std::size_t speed, std::optional<std::uint32_t> rack);
  [[nodiscard]] std::optional<Allocation> on_one(const Cell& cell, SlotIndex slot);
  [[nodiscard]] std::optional<Allocation> workers_only(const Cell& cell, SlotIndex slot);
  [[nodiscard]] std::optional<Allocation> by_parts(const Cell& cell, SlotIndex slot);
  /// `parts` is sorted by state.
  [[nodiscard]] Parts packed_by_state(const Parts& parts) const;

  const SlotContext& context_;
  MachineOffers offers_;
  std::vector<Record> records_;
  std::vector<float> ranks_;  ///< Scratch of record().
  Parts parts_;               ///< Of all cells.
  std::size_t current_ = kNoState;
  SlotIndex current_slot_ = 0;
  std::vector<std::optional<MachinePool>> pools_;  ///< By speed, then all machines and each rack.
  std::vector<bool> is_ready_;                     ///< Whether a pool is that of the current state.
  std::vector<std::vector<StateGroup>> rack_groups_;  ///< Of the current state; empty: not known.
  std::vector<std::uint32_t> part_of_state_;          ///< Scratch of by_parts, all 0 in between.
};

CorePricer::CorePricer(const SlotContext& context)
    : context_(context), offers_(context, most_tasks(context)) {
  const std::size_t racks = context.racks_matter ? context.ledger.cluster().rack_count : 0;
  pools_.resize(context.speeds.size() * (1 + racks));
  is_ready_.resize(pools_.size());
}

CorePricer::Record& CorePricer::record(std::size_t number, SlotIndex slot) {
  if (number >= records_.size()) records_.resize(number + 1);
  Record& known = records_[number];
  if (!known.bounds.empty()) return known;
  const PriceFloor::Interval interval = context_.prices.interval_of(slot);
  const std::size_t speeds = context_.speeds.size();
  known.least_rank.assign(speeds, kNever);
  const std::span<const StateGroup> groups = context_.ledger.groups(slot);
  offers_.rank_groups(groups, interval, ranks_);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const double rank = ranks_[i];
    if (rank >= known.least_rank.front()) continue;
    const MachineState state = context_.ledger.state(groups[i].state);
    for (std::size_t speed = 0; speed < speeds; ++speed)
      if (context_.allowed(state, speed))
        known.least_rank[speed] = std::min(known.least_rank[speed], rank);
  }
  known.cells.resize(context_.ways.size());
  known.bounds.assign(context_.ways.size(), kNever);
  known.bounds[0] = 0;
  for (std::size_t level = 1; level < known.bounds.size(); ++level)
    for (const Way& way : context_.ways[level])
      if (known.least_rank[way.speed] < kNever)
        known.bounds[level] =
            std::min(known.bounds[level],
                     known.least_rank[way.speed] * offers_.least_cost(way.tasks) * (1 - 1e-12));
  return known;
}

std::span<const double> CorePricer::bounds(std::size_t number, SlotIndex slot) {
  return record(number, slot).bounds;
}

void CorePricer::enter(std::size_t number, SlotIndex slot) {
  if (current_ == number) return;
  current_ = number;
  current_slot_ = slot;
  is_ready_.assign(is_ready_.size(), false);
  rack_groups_.clear();
}

MachinePool& CorePricer::pool_of(std::size_t speed, std::optional<std::uint32_t> rack) {
  const std::size_t per_speed = pools_.size() / context_.speeds.size();
  const std::size_t at = speed * per_speed + (rack ? *rack + 1 : 0);
  if (!pools_[at]) pools_[at].emplace(context_, offers_, speed);
  if (is_ready_[at]) return *pools_[at];
  is_ready_[at] = true;
  if (!rack) {
    pools_[at]->reset(context_.ledger.groups(current_slot_), current_slot_);
    return *pools_[at];
  }
  if (rack_groups_.empty()) {
    const Cluster& cluster = context_.ledger.cluster();
    const std::span<const StateId> states = context_.ledger.states(current_slot_);
    std::vector<std::vector<StateId>> in_rack(cluster.rack_count);
    for (std::size_t h = 0; h < states.size(); ++h)
      in_rack[cluster.machines[h].rack].push_back(states[h]);
    rack_groups_.resize(cluster.rack_count);
    for (std::size_t r = 0; r < in_rack.size(); ++r) {
      std::ranges::sort(in_rack[r]);
      for (const StateId state : in_rack[r]) {
        if (rack_groups_[r].empty() || rack_groups_[r].back().state != state)
          rack_groups_[r].push_back({state, 0});
        ++rack_groups_[r].back().machines;
      }
    }
  }
  pools_[at]->reset(rack_groups_[*rack], current_slot_);
  return *pools_[at];
}

double CorePricer::cost(std::size_t number, SlotIndex slot, int level) {
  Record& known = record(number, slot);
  Cell& cell = known.cells[static_cast<std::size_t>(level)];
  if (cell.cost >= 0) return cell.cost;
  enter(number, slot);
  cell.cost = kNever;
  for (const Way& way : context_.ways[static_cast<std::size_t>(level)]) find_cost(cell, known, way);
  return cell.cost;
}

void CorePricer::find_cost(Cell& cell, const Record& known, const Way& way) {
  const double least = known.least_rank[way.speed];
  if (least == kNever || least * offers_.least_cost(way.tasks) >= cell.cost) return;
  if (!is_by_rack(way)) return consider(cell, way, pool_of(way.speed, std::nullopt), 0);
  for (std::uint32_t rack = 0; rack < context_.ledger.cluster().rack_count; ++rack)
    consider(cell, way, pool_of(way.speed, rack), rack);
}

/// Takes the way if it is cheaper than what the cell has.
void CorePricer::consider(Cell& cell, const Way& way, MachinePool& pool, std::uint32_t rack) {
  const std::size_t parts_begin = parts_.size();
  double dearest = 0;
  double cost = kNever;
  if (way.locality == Locality::machine)
    cost = pool.cost_on_one(way.tasks, cell.cost);
  else if (way.tasks.servers == 0 && !offers_.needs_servers())
    cost = pool.cost_of_workers(way.tasks.workers, cell.cost, dearest);
  else
    cost = pool.cost_of_tasks(way.tasks, cell.cost, parts_);
  if (cost >= cell.cost) {
    parts_.resize(parts_begin);
    return;
  }
  cell = {cost, &way, rack, dearest, parts_begin, parts_.size()};
}

std::optional<Allocation> CorePricer::place(std::size_t number, SlotIndex slot, int level) {
  const Cell& cell = record(number, slot).cells[static_cast<std::size_t>(level)];
  BOURSE_CHECK(cell.cost >= 0);
  if (cell.way == nullptr) return std::nullopt;
  if (cell.way->locality == Locality::machine) return on_one(cell, slot);
  return cell.parts_begin == cell.parts_end ? workers_only(cell, slot) : by_parts(cell, slot);
}

/// The first of the machines on which it costs no more.
std::optional<Allocation> CorePricer::on_one(const Cell& cell, SlotIndex slot) {
  const PriceFloor::Interval interval = context_.prices.interval_of(slot);
  const std::span<const StateId> states = context_.ledger.states(slot);
  const TaskCounts tasks = cell.way->tasks;
  for (std::size_t h = 0; h < states.size(); ++h) {
    if (offers_.rank(states[h], interval) == MachineOffers::kNoRoom) continue;
    const JobPrices::Pair& price = context_.prices.of(states[h], interval);
    if (tasks.workers * price.worker + tasks.servers * price.server > cell.cost) continue;
    const TaskGroup group{MachineId(h), tasks.workers, tasks.servers};
    if (context_.allowed(context_.ledger.state(states[h]), cell.way->speed) &&
        context_.ledger.has_room(slot, context_.job, {&group, 1}))
      return Allocation{group};
  }
  return std::nullopt;
}

/// Cheapest machines first, ties by machine.
std::optional<Allocation> CorePricer::workers_only(const Cell& cell, SlotIndex slot) {
  const PriceFloor::Interval interval = context_.prices.interval_of(slot);
  const Cluster& cluster = context_.ledger.cluster();
  const std::span<const StateId> states = context_.ledger.states(slot);
  std::vector<std::pair<double, std::size_t>> machines;
  for (std::size_t h = 0; h < states.size(); ++h) {
    if (offers_.rank(states[h], interval) == MachineOffers::kNoRoom) continue;
    if (is_by_rack(*cell.way) && cluster.machines[h].rack != cell.rack) continue;
    if (!context_.allowed(context_.ledger.state(states[h]), cell.way->speed)) continue;
    const double price = context_.prices.of(states[h], interval).worker;
    if (price <= cell.dearest_worker) machines.emplace_back(price, h);
  }
  std::ranges::sort(machines);
  Allocation allocation;
  std::int64_t left = cell.way->tasks.workers;
  for (const auto& [price, h] : machines) {
    if (left == 0) break;
    const std::int64_t count =
        count_that_fits(context_.job.worker, context_.ledger.state(states[h]).residual, left);
    if (count > 0) allocation.push_back({MachineId(h), static_cast<int>(count), 0});
    left -= count;
  }
  BOURSE_CHECK(left == 0);
  normalize(allocation);
  return allocation;
}

CorePricer::Parts CorePricer::packed_by_state(const Parts& parts) const {
  Parts all;
  for (std::size_t next = 0; next < parts.size();) {
    const StateId state = parts[next].first;
    std::vector<CorePart> of_state;
    for (; next < parts.size() && parts[next].first == state; ++next)
      of_state.push_back(parts[next].second);
    const std::span<const Amount> residual = context_.ledger.state(state).residual;
    for (const CorePart& part : packed(context_.job, residual, std::move(of_state)))
      all.emplace_back(state, part);
  }
  return all;
}

/// Gives the parts, packed, to the first machines in their states.
std::optional<Allocation> CorePricer::by_parts(const Cell& cell, SlotIndex slot) {
  std::vector<std::pair<StateId, CorePart>> parts(
      parts_.begin() + static_cast<std::ptrdiff_t>(cell.parts_begin),
      parts_.begin() + static_cast<std::ptrdiff_t>(cell.parts_end));
  std::ranges::sort(parts, {}, [](const std::pair<StateId, CorePart>& part) {
    return std::tuple(part.first, part.second.tasks.workers, part.second.tasks.servers);
  });
  parts = packed_by_state(parts);
  part_of_state_.resize(context_.ledger.state_count());
  for (std::size_t i = parts.size(); i-- > 0;)
    part_of_state_[parts[i].first] = static_cast<std::uint32_t>(i + 1);
  const Cluster& cluster = context_.ledger.cluster();
  const std::span<const StateId> states = context_.ledger.states(slot);
  Allocation allocation;
  for (std::size_t h = 0; h < states.size(); ++h) {
    std::size_t next = part_of_state_[states[h]];
    if (next == 0 || (is_by_rack(*cell.way) && cluster.machines[h].rack != cell.rack)) continue;
    for (; next <= parts.size() && parts[next - 1].first == states[h]; ++next) {
      CorePart& part = parts[next - 1].second;
      if (part.machines == 0) continue;
      --part.machines;
      allocation.push_back({MachineId(h), part.tasks.workers, part.tasks.servers});
      break;
    }
    part_of_state_[states[h]] = static_cast<std::uint32_t>(next);
  }
  for (const auto& [state, part] : parts) {
    part_of_state_[state] = 0;
    BOURSE_CHECK(part.machines == 0);
  }
  return allocation;
}

}  // namespace

std::unique_ptr<SlotPricer> make_core_pricer(const SlotContext& context) {
  return std::make_unique<CorePricer>(context);
}

}  // namespace bourse
