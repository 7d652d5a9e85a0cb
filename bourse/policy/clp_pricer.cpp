#include <algorithm>
#include <map>
#include <utility>

#include "bourse/policy/slot_pricer.h"
#include "bourse/solver/gain.h"
#include "bourse/solver/slot_problem.h"

namespace bourse {
namespace {

/// The external problem over one rack or all machines, kept for all levels of the slot.
struct SpreadProblem {
  SlotMachines machines;
  std::vector<MachineId> ids;  ///< Of each position.
  double least_worker_price = kNever;
  double least_server_price = kNever;
  std::unique_ptr<SlotRelaxation> relaxation;
};

/// Linear programmes and a rounding of them, as in the paper.
class ClpPricer final : public SlotPricer {
 public:
  explicit ClpPricer(const SlotContext& context) : context_(context) {}
  std::span<const double> bounds(std::size_t number, SlotIndex slot) override;
  double cost(std::size_t number, SlotIndex slot, int level) override {
    return bounds(number, slot)[static_cast<std::size_t>(level)];
  }
  std::optional<Allocation> place(std::size_t number, SlotIndex slot, int level) override;

 private:
  struct State {
    std::vector<double> curve;
    /// By (locality, speed): one problem a rack, or one in all.
    std::map<std::pair<Locality, std::size_t>, std::vector<SpreadProblem>> problems;
  };

  [[nodiscard]] double cost_of(std::size_t number, SlotIndex slot, const Way& way, double limit);
  [[nodiscard]] std::optional<PlacedSlot> place_way(std::size_t number, SlotIndex slot,
                                                    const Way& way);
  [[nodiscard]] double internal_cost(SlotIndex slot, const Way& way);
  [[nodiscard]] double spread_cost_without_servers(SlotIndex slot, const Way& way);
  [[nodiscard]] std::optional<PlacedSlot> spread(std::size_t number, SlotIndex slot, const Way& way,
                                                 double limit);
  [[nodiscard]] std::optional<SlotPlacement> solve(SpreadProblem& problem, SlotIndex slot,
                                                   TaskCounts tasks, double limit);
  [[nodiscard]] double gain_for(const SpreadProblem& problem, TaskCounts tasks) const;
  [[nodiscard]] double one_machine_cost(SlotIndex slot, const TaskGroup& group) const;
  std::vector<SpreadProblem>& problems_of(std::size_t number, SlotIndex slot, const Way& way);

  const SlotContext& context_;
  std::vector<State> states_;
};

std::span<const double> ClpPricer::bounds(std::size_t number, SlotIndex slot) {
  if (number >= states_.size()) states_.resize(number + 1);
  if (!states_[number].curve.empty()) return states_[number].curve;
  std::vector<double> curve(context_.ways.size(), kNever);
  curve[0] = 0;
  for (std::size_t level = 1; level < curve.size(); ++level) {
    for (const Way& way : context_.ways[level])
      curve[level] = std::min(curve[level], cost_of(number, slot, way, curve[level]));
    if (curve[level] == kNever) break;  // More work does not fit where less does not.
  }
  states_[number].curve = std::move(curve);
  return states_[number].curve;
}

double ClpPricer::cost_of(std::size_t number, SlotIndex slot, const Way& way, double limit) {
  if (way.locality == Locality::machine) return internal_cost(slot, way);
  if (way.tasks.servers == 0 && !context_.racks_matter)
    return spread_cost_without_servers(slot, way);
  const auto placed = spread(number, slot, way, limit);
  return placed ? placed->cost : kNever;
}

double ClpPricer::internal_cost(SlotIndex slot, const Way& way) {
  ResourceVector demand(context_.job.worker.size());
  for (std::size_t r = 0; r < demand.size(); ++r)
    demand[r] =
        way.tasks.workers * context_.job.worker[r] + way.tasks.servers * context_.job.server[r];
  double best = kNever;
  for (const StateGroup& group : context_.ledger.groups(slot)) {
    const MachineState state = context_.ledger.state(group.state);
    if (!context_.allowed(state, way.speed) || !fits(demand, state.residual)) continue;
    best = std::min(best, way.tasks.workers * context_.prices.worker(group.state, slot) +
                              way.tasks.servers * context_.prices.server(group.state, slot));
  }
  return best;
}

double ClpPricer::spread_cost_without_servers(SlotIndex slot, const Way& way) {
  std::vector<std::pair<double, StateGroup>> by_price;
  for (const StateGroup& group : context_.ledger.groups(slot))
    if (context_.allowed(context_.ledger.state(group.state), way.speed))
      by_price.emplace_back(context_.prices.worker(group.state, slot), group);
  std::ranges::sort(by_price, {}, [](const auto& p) { return std::pair(p.first, p.second.state); });
  std::int64_t left = way.tasks.workers;
  double cost = 0;
  for (const auto& [price, group] : by_price) {
    const MachineState state = context_.ledger.state(group.state);
    const std::int64_t each = count_that_fits(context_.job.worker, state.residual, left);
    const std::int64_t count = std::min(left, each * group.machines);
    cost += price * static_cast<double>(count);
    left -= count;
    if (left == 0) return cost;
  }
  return kNever;
}

std::vector<SpreadProblem>& ClpPricer::problems_of(std::size_t number, SlotIndex slot,
                                                   const Way& way) {
  std::vector<SpreadProblem>& problems = states_[number].problems[{way.locality, way.speed}];
  if (!problems.empty()) return problems;
  const bool by_rack = context_.racks_matter && way.locality == Locality::rack;
  problems.resize(by_rack ? context_.ledger.cluster().rack_count : 1);
  const std::span<const StateId> states = context_.ledger.states(slot);
  for (std::size_t h = 0; h < states.size(); ++h) {
    const MachineState state = context_.ledger.state(states[h]);
    if (!context_.allowed(state, way.speed)) continue;
    SpreadProblem& problem = problems[by_rack ? context_.ledger.cluster().machines[h].rack : 0];
    problem.ids.emplace_back(h);
    SlotMachines& machines = problem.machines;
    machines.resource_count = state.residual.size();
    machines.worker_price.push_back(context_.prices.worker(states[h], slot));
    machines.server_price.push_back(context_.prices.server(states[h], slot));
    machines.residual.insert(machines.residual.end(), state.residual.begin(), state.residual.end());
    problem.least_worker_price = std::min(problem.least_worker_price, machines.worker_price.back());
    problem.least_server_price = std::min(problem.least_server_price, machines.server_price.back());
  }
  return problems;
}

double ClpPricer::gain_for(const SpreadProblem& problem, TaskCounts tasks) const {
  if (context_.rounding.gain_form == GainForm::fixed) return context_.rounding.gain;
  const RoundingRows rows = rounding_rows(
      problem.machines, {context_.job.worker, context_.job.server}, tasks.workers, tasks.servers);
  std::optional<double> gain;
  if (context_.rounding.gain_form == GainForm::cover)
    gain = cover_favoured(rows, context_.rounding.delta);
  if (context_.rounding.gain_form == GainForm::packing)
    gain = packing_favoured(rows, context_.rounding.delta);
  if (context_.rounding.gain_form == GainForm::safe)
    gain = packing_safe(rows, context_.rounding.delta);
  return gain.value_or(1);  // Where the form promises nothing, the relaxation is left as it is.
}

std::optional<SlotPlacement> ClpPricer::solve(SpreadProblem& problem, SlotIndex slot,
                                              TaskCounts tasks, double limit) {
  if (problem.ids.empty()) return std::nullopt;
  const SlotDemand demand{context_.job.worker, context_.job.server};
  if (tasks.servers == 0) return place_greedy(problem.machines, demand, tasks.workers, 0);
  const double least =
      tasks.workers * problem.least_worker_price + tasks.servers * problem.least_server_price;
  if (least >= limit) return std::nullopt;
  std::optional<FractionalPlacement> relaxed;
  {
    const PhaseTimer timer(context_.counters, Phase::relaxation);
    ++context_.counters.relaxations;
    if (!problem.relaxation)
      problem.relaxation = std::make_unique<SlotRelaxation>(problem.machines, demand);
    relaxed = problem.relaxation->solve(tasks.workers, tasks.servers);
  }
  if (!relaxed || relaxed->cost >= limit) return std::nullopt;
  const PhaseTimer timer(context_.counters, Phase::rounding);
  ++context_.counters.roundings;
  if (context_.rounding.mode == RoundingMode::deterministic)
    return round_deterministic(problem.machines, demand, *relaxed, tasks.workers, tasks.servers);
  const RandomizedOptions options{.gain = gain_for(problem, tasks),
                                  .tries = context_.rounding.tries,
                                  .seed = context_.rounding.seed,
                                  .job = context_.id.value,
                                  .slot = static_cast<std::uint32_t>(slot & 0xfffff)};
  RandomizedPlacement rounded =
      round_randomized(problem.machines, demand, *relaxed, tasks.workers, tasks.servers, options);
  if (rounded.placement) return std::move(rounded.placement);
  // The repair starts from an unlucky draw; the relaxation itself may still round.
  return round_deterministic(problem.machines, demand, *relaxed, tasks.workers, tasks.servers);
}

std::optional<PlacedSlot> ClpPricer::spread(std::size_t number, SlotIndex slot, const Way& way,
                                            double limit) {
  std::optional<PlacedSlot> best;
  for (SpreadProblem& problem : problems_of(number, slot, way)) {
    const auto placement = solve(problem, slot, way.tasks, best ? best->cost : limit);
    if (!placement || (best && placement->cost >= best->cost)) continue;
    best = PlacedSlot{{}, placement->cost};
    for (const SlotTasks& tasks : placement->tasks)
      best->allocation.push_back({problem.ids[tasks.machine], tasks.workers, tasks.servers});
  }
  return best;
}

std::optional<PlacedSlot> ClpPricer::place_way(std::size_t number, SlotIndex slot, const Way& way) {
  if (way.locality != Locality::machine) return spread(number, slot, way, kNever);
  const double cost = internal_cost(slot, way);
  const std::span<const StateId> states = context_.ledger.states(slot);
  for (std::size_t h = 0; h < states.size() && cost < kNever; ++h) {
    const MachineState state = context_.ledger.state(states[h]);
    const TaskGroup group{MachineId(h), way.tasks.workers, way.tasks.servers};
    if (!context_.allowed(state, way.speed) ||
        !context_.ledger.has_room(slot, context_.job, {&group, 1}))
      continue;
    if (one_machine_cost(slot, group) <= cost) return PlacedSlot{{group}, cost};
  }
  return std::nullopt;
}

double ClpPricer::one_machine_cost(SlotIndex slot, const TaskGroup& group) const {
  const StateId state = context_.ledger.states(slot)[group.machine.index()];
  return group.workers * context_.prices.worker(state, slot) +
         group.servers * context_.prices.server(state, slot);
}

std::optional<Allocation> ClpPricer::place(std::size_t number, SlotIndex slot, int level) {
  const double target = cost(number, slot, level);
  std::optional<PlacedSlot> best;
  for (const Way& way : context_.ways[static_cast<std::size_t>(level)]) {
    if (best && best->cost <= target) break;
    auto placed = place_way(number, slot, way);
    if (placed && (!best || placed->cost < best->cost)) best = std::move(placed);
  }
  if (!best) return std::nullopt;
  return std::move(best->allocation);
}

}  // namespace

std::unique_ptr<SlotPricer> make_clp_pricer(const SlotContext& context) {
  return std::make_unique<ClpPricer>(context);
}

}  // namespace bourse
