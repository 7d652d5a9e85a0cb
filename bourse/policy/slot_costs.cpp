#include "bourse/policy/slot_costs.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "bourse/solver/gain.h"

namespace bourse {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

std::vector<double> distinct_speeds(const Cluster& cluster) {
  std::vector<double> speeds;
  for (const MachineClass& machines : cluster.classes) speeds.push_back(machines.speed);
  std::ranges::sort(speeds, std::greater{});
  speeds.erase(std::ranges::unique(speeds).begin(), speeds.end());
  return speeds;
}

}  // namespace

/// The external problem over one rack or all machines, kept for all levels of the slot.
struct SlotCosts::SpreadProblem {
  SlotMachines machines;
  std::vector<MachineId> ids;  ///< Of each position.
  double least_worker_price = kNever;
  double least_server_price = kNever;
  std::unique_ptr<SlotRelaxation> relaxation;
};

/// What was computed for slots in one state.
struct SlotCosts::Known {
  struct State {
    std::vector<double> curve;
    /// By (locality, speed): one problem a rack, or one in all.
    std::map<std::pair<Locality, double>, std::vector<SpreadProblem>> problems;
  };
  /// Keyed by the interval of price floors and the states of all machines.
  std::map<std::pair<PriceFloor::Interval, std::vector<StateId>>, State> by_states;
  std::vector<std::pair<SlotIndex, State*>> last;  ///< The slot asked for last, if any.

  State& of(const Ledger& ledger, const JobPrices& prices, SlotIndex slot) {
    if (!last.empty() && last.front().first == slot) return *last.front().second;
    const std::span<const StateId> states = ledger.states(slot);
    State& state = by_states[{prices.interval_of(slot), {states.begin(), states.end()}}];
    last.assign(1, {slot, &state});
    return state;
  }
};

SlotCosts::SlotCosts(const Ledger& ledger, const JobSpec& job, JobId id, JobPrices& prices,
                     const RoundingOptions& rounding, SlotWork work, SlotCostCounters& counters)
    : ledger_(ledger),
      job_(job),
      id_(id),
      prices_(prices),
      rounding_(rounding),
      work_(work),
      counters_(counters),
      has_servers_(servers_for(job.throughput, max_workers(job.throughput)) > 0),
      racks_matter_(ledger.cluster().rack_count > 1 &&
                    (std::holds_alternative<RingThroughput>(job.throughput) ||
                     std::holds_alternative<TableThroughput>(job.throughput))),
      speeds_(distinct_speeds(ledger.cluster())),
      known_(std::make_unique<Known>()) {
  ways_.resize(static_cast<std::size_t>(work.level_count) + 1);
  for (int level = 1; level <= work.level_count; ++level)
    ways_[static_cast<std::size_t>(level)] = ways_of(level);
}

SlotCosts::~SlotCosts() = default;

std::vector<SlotCosts::Way> SlotCosts::ways_of(int level) const {
  const double rate = level * work_.chunk / work_.duration.value;
  std::vector<Locality> localities{Locality::machine};
  if (ledger_.cluster().rack_count == 1 || racks_matter_) localities.push_back(Locality::rack);
  if (ledger_.cluster().rack_count > 1) localities.push_back(Locality::cluster);
  std::vector<Way> ways;
  for (const Locality locality : localities)
    for (const double speed : speeds_)
      if (const auto tasks = tasks_for_rate(job_.throughput, rate, locality, speed))
        ways.push_back({*tasks, locality, speed});
  return ways;
}

bool SlotCosts::allowed(const MachineState& state, double speed) const {
  return !state.down && ledger_.cluster().classes[state.class_index].speed >= speed;
}

std::span<const double> SlotCosts::curve(SlotIndex slot) {
  Known::State& known = known_->of(ledger_, prices_, slot);
  if (!known.curve.empty()) return known.curve;
  ++counters_.curves;
  const PhaseTimer timer(counters_, Phase::curves);
  std::vector<double> curve(ways_.size(), kNever);
  curve[0] = 0;
  for (std::size_t level = 1; level < ways_.size(); ++level) {
    for (const Way& way : ways_[level])
      curve[level] = std::min(curve[level], cost_of(slot, way, curve[level]));
    if (curve[level] == kNever) break;  // More work does not fit where less does not.
  }
  known.curve = std::move(curve);
  return known.curve;
}

double SlotCosts::cost_of(SlotIndex slot, const Way& way, double limit) {
  if (way.locality == Locality::machine) return internal_cost(slot, way);
  if (way.tasks.servers == 0 && !racks_matter_) return spread_cost_without_servers(slot, way);
  const auto placed = spread(slot, way, limit);
  return placed ? placed->cost : kNever;
}

double SlotCosts::internal_cost(SlotIndex slot, const Way& way) {
  ResourceVector demand(job_.worker.size());
  for (std::size_t r = 0; r < demand.size(); ++r)
    demand[r] = way.tasks.workers * job_.worker[r] + way.tasks.servers * job_.server[r];
  double best = kNever;
  for (const StateGroup& group : ledger_.groups(slot)) {
    const MachineState state = ledger_.state(group.state);
    if (!allowed(state, way.speed) || !fits(demand, state.residual)) continue;
    best = std::min(best, way.tasks.workers * prices_.worker(group.state, slot) +
                              way.tasks.servers * prices_.server(group.state, slot));
  }
  return best;
}

double SlotCosts::spread_cost_without_servers(SlotIndex slot, const Way& way) {
  std::vector<std::pair<double, StateGroup>> by_price;
  for (const StateGroup& group : ledger_.groups(slot))
    if (allowed(ledger_.state(group.state), way.speed))
      by_price.emplace_back(prices_.worker(group.state, slot), group);
  std::ranges::sort(by_price, {}, [](const auto& p) { return std::pair(p.first, p.second.state); });
  std::int64_t left = way.tasks.workers;
  double cost = 0;
  for (const auto& [price, group] : by_price) {
    const MachineState state = ledger_.state(group.state);
    const std::int64_t each = count_that_fits(job_.worker, state.residual, left);
    const std::int64_t count = std::min(left, each * group.machines);
    cost += price * static_cast<double>(count);
    left -= count;
    if (left == 0) return cost;
  }
  return kNever;
}

std::vector<SlotCosts::SpreadProblem>& SlotCosts::problems_of(SlotIndex slot, const Way& way) {
  auto& problems = known_->of(ledger_, prices_, slot).problems[{way.locality, way.speed}];
  if (!problems.empty()) return problems;
  const bool by_rack = racks_matter_ && way.locality == Locality::rack;
  problems.resize(by_rack ? ledger_.cluster().rack_count : 1);
  const std::span<const StateId> states = ledger_.states(slot);
  for (std::size_t h = 0; h < states.size(); ++h) {
    const MachineState state = ledger_.state(states[h]);
    if (!allowed(state, way.speed)) continue;
    SpreadProblem& problem = problems[by_rack ? ledger_.cluster().machines[h].rack : 0];
    problem.ids.emplace_back(h);
    SlotMachines& machines = problem.machines;
    machines.resource_count = state.residual.size();
    machines.worker_price.push_back(prices_.worker(states[h], slot));
    machines.server_price.push_back(prices_.server(states[h], slot));
    machines.residual.insert(machines.residual.end(), state.residual.begin(), state.residual.end());
    problem.least_worker_price = std::min(problem.least_worker_price, machines.worker_price.back());
    problem.least_server_price = std::min(problem.least_server_price, machines.server_price.back());
  }
  return problems;
}

double SlotCosts::gain_for(const SpreadProblem& problem, TaskCounts tasks) const {
  if (rounding_.gain_form == GainForm::fixed) return rounding_.gain;
  const RoundingRows rows =
      rounding_rows(problem.machines, {job_.worker, job_.server}, tasks.workers, tasks.servers);
  std::optional<double> gain;
  if (rounding_.gain_form == GainForm::cover) gain = cover_favoured(rows, rounding_.delta);
  if (rounding_.gain_form == GainForm::packing) gain = packing_favoured(rows, rounding_.delta);
  if (rounding_.gain_form == GainForm::safe) gain = packing_safe(rows, rounding_.delta);
  return gain.value_or(1);  // Where the form promises nothing, the relaxation is left as it is.
}

std::optional<SlotPlacement> SlotCosts::solve(SpreadProblem& problem, SlotIndex slot,
                                              TaskCounts tasks, double limit) {
  if (problem.ids.empty()) return std::nullopt;
  const SlotDemand demand{job_.worker, job_.server};
  if (tasks.servers == 0) return place_greedy(problem.machines, demand, tasks.workers, 0);
  const double least =
      tasks.workers * problem.least_worker_price + tasks.servers * problem.least_server_price;
  if (least >= limit) return std::nullopt;
  std::optional<FractionalPlacement> relaxed;
  {
    const PhaseTimer timer(counters_, Phase::relaxation);
    ++counters_.relaxations;
    if (!problem.relaxation)
      problem.relaxation = std::make_unique<SlotRelaxation>(problem.machines, demand);
    relaxed = problem.relaxation->solve(tasks.workers, tasks.servers);
  }
  if (!relaxed || relaxed->cost >= limit) return std::nullopt;
  const PhaseTimer timer(counters_, Phase::rounding);
  ++counters_.roundings;
  if (rounding_.mode == RoundingMode::deterministic)
    return round_deterministic(problem.machines, demand, *relaxed, tasks.workers, tasks.servers);
  const RandomizedOptions options{.gain = gain_for(problem, tasks),
                                  .tries = rounding_.tries,
                                  .seed = rounding_.seed,
                                  .job = id_.value,
                                  .slot = static_cast<std::uint32_t>(slot & 0xfffff)};
  RandomizedPlacement rounded =
      round_randomized(problem.machines, demand, *relaxed, tasks.workers, tasks.servers, options);
  if (rounded.placement) return std::move(rounded.placement);
  // The repair starts from an unlucky draw; the relaxation itself may still round.
  return round_deterministic(problem.machines, demand, *relaxed, tasks.workers, tasks.servers);
}

std::optional<PlacedSlot> SlotCosts::spread(SlotIndex slot, const Way& way, double limit) {
  std::optional<PlacedSlot> best;
  for (SpreadProblem& problem : problems_of(slot, way)) {
    const auto placement = solve(problem, slot, way.tasks, best ? best->cost : limit);
    if (!placement || (best && placement->cost >= best->cost)) continue;
    best = PlacedSlot{{}, placement->cost};
    for (const SlotTasks& tasks : placement->tasks)
      best->allocation.push_back({problem.ids[tasks.machine], tasks.workers, tasks.servers});
  }
  return best;
}

std::optional<PlacedSlot> SlotCosts::place_way(SlotIndex slot, const Way& way) {
  if (way.locality != Locality::machine) return spread(slot, way, kNever);
  const double cost = internal_cost(slot, way);
  const std::span<const StateId> states = ledger_.states(slot);
  for (std::size_t h = 0; h < states.size() && cost < kNever; ++h) {
    const MachineState state = ledger_.state(states[h]);
    const TaskGroup group{MachineId(h), way.tasks.workers, way.tasks.servers};
    if (!allowed(state, way.speed) || !ledger_.has_room(slot, job_, {&group, 1})) continue;
    if (cost_at(slot, {&group, 1}) <= cost) return PlacedSlot{{group}, cost};
  }
  return std::nullopt;
}

double SlotCosts::cost_at(SlotIndex slot, std::span<const TaskGroup> allocation) {
  const std::span<const StateId> states = ledger_.states(slot);
  double cost = 0;
  for (const TaskGroup& group : allocation)
    cost += group.workers * prices_.worker(states[group.machine.index()], slot) +
            group.servers * prices_.server(states[group.machine.index()], slot);
  return cost;
}

std::optional<PlacedSlot> SlotCosts::place(SlotIndex slot, int level, const Allocation* previous,
                                           double allowance) {
  const double target = curve(slot)[static_cast<std::size_t>(level)];
  if (target == kNever) return std::nullopt;
  const PhaseTimer timer(counters_, Phase::placing);
  if (previous != nullptr && !previous->empty() && ledger_.has_room(slot, job_, *previous)) {
    const double rate = samples_per_second(job_.throughput, tasks_of(*previous),
                                           locality_of(*previous, ledger_.cluster()),
                                           slowest_speed(*previous, ledger_.cluster()));
    const double cost = cost_at(slot, *previous);
    const bool does_it = rate * work_.duration.value >= level * work_.chunk * (1 - 1e-9);
    if (does_it && cost <= target + allowance) return PlacedSlot{*previous, cost};
  }
  std::optional<PlacedSlot> best;
  for (const Way& way : ways_[static_cast<std::size_t>(level)]) {
    if (best && best->cost <= target) break;
    auto placed = place_way(slot, way);
    if (placed && (!best || placed->cost < best->cost)) best = std::move(placed);
  }
  return best;
}

}  // namespace bourse
