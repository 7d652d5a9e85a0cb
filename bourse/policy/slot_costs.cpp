#include "bourse/policy/slot_costs.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/slot_pricer.h"

namespace bourse {
namespace {

std::vector<double> distinct_speeds(const Cluster& cluster) {
  std::vector<double> speeds;
  for (const MachineClass& machines : cluster.classes) speeds.push_back(machines.speed);
  std::ranges::sort(speeds, std::greater{});
  speeds.erase(std::ranges::unique(speeds).begin(), speeds.end());
  return speeds;
}

std::vector<Way> ways_of(const SlotContext& context, int level) {
  const double rate = level * context.work.chunk / context.work.duration.value;
  const bool one_rack = context.ledger.cluster().rack_count == 1;
  std::vector<Locality> localities{Locality::machine};
  if (one_rack || context.racks_matter) localities.push_back(Locality::rack);
  if (!one_rack) localities.push_back(Locality::cluster);
  std::vector<Way> ways;
  for (const Locality locality : localities)
    for (std::size_t speed = 0; speed < context.speeds.size(); ++speed)
      if (const auto tasks =
              tasks_for_rate(context.job.throughput, rate, locality, context.speeds[speed]))
        ways.push_back({*tasks, locality, speed});
  return ways;
}

bool takes_clp(const RoundingOptions& rounding) {
  return rounding.solver == SlotSolver::clp || rounding.mode == RoundingMode::randomized;
}

}  // namespace

SlotCosts::SlotCosts(const Ledger& ledger, const JobSpec& job, JobId id, JobPrices& prices,
                     const RoundingOptions& rounding, SlotWork work, SlotCostCounters& counters)
    : context_(new SlotContext{ledger, job, id, prices, rounding, work, counters}) {
  SlotContext& context = *context_;
  context.racks_matter =
      ledger.cluster().rack_count > 1 && (std::holds_alternative<RingThroughput>(job.throughput) ||
                                          std::holds_alternative<TableThroughput>(job.throughput));
  context.speeds = distinct_speeds(ledger.cluster());
  context.ways.resize(static_cast<std::size_t>(work.level_count) + 1);
  for (int level = 1; level <= work.level_count; ++level)
    context.ways[static_cast<std::size_t>(level)] = ways_of(context, level);
  machines_matter_ = context.racks_matter || takes_clp(rounding);
  pricer_ = takes_clp(rounding) ? make_clp_pricer(context) : make_core_pricer(context);
}

SlotCosts::~SlotCosts() = default;

bool SlotCosts::equal(SlotIndex a, SlotIndex b) const {
  const JobPrices& prices = context_->prices;
  if (prices.interval_of(a) != prices.interval_of(b)) return false;
  const LedgerRun one = context_->ledger.run(a);
  const LedgerRun two = context_->ledger.run(b);
  return machines_matter_ ? std::ranges::equal(one.states, two.states)
                          : std::ranges::equal(one.groups, two.groups);
}

std::size_t SlotCosts::state_of(SlotIndex slot) {
  if (slot >= run_first_ && slot < run_end_) return run_state_;
  const LedgerRun run = context_->ledger.run(slot);
  run_first_ = slot;
  run_end_ = std::min(run.end, context_->prices.interval_end(slot));
  const std::uint64_t key = run.fingerprint + context_->prices.interval_of(slot);
  const auto [first, last] = known_.equal_range(key);
  for (auto at = first; at != last; ++at)
    if (equal(first_seen_[at->second], slot)) return run_state_ = at->second;
  run_state_ = first_seen_.size();
  first_seen_.push_back(slot);
  known_.emplace(key, run_state_);
  ++context_->counters.curves;
  return run_state_;
}

SlotIndex SlotCosts::run_end(SlotIndex slot) {
  (void)state_of(slot);
  return run_end_;
}

std::span<const double> SlotCosts::bounds(SlotIndex slot) {
  const PhaseTimer timer(context_->counters, Phase::curves);
  return pricer_->bounds(state_of(slot), slot);
}

double SlotCosts::cost(SlotIndex slot, int level) {
  const PhaseTimer timer(context_->counters, Phase::curves);
  return pricer_->cost(state_of(slot), slot, level);
}

std::vector<double> SlotCosts::curve(SlotIndex slot) {
  std::vector<double> curve(context_->ways.size(), kNever);
  curve[0] = 0;
  for (std::size_t level = 1; level < curve.size(); ++level) {
    curve[level] = cost(slot, static_cast<int>(level));
    if (curve[level] == kNever) break;  // More work does not fit where less does not.
  }
  return curve;
}

std::vector<double> SlotCosts::least_curve(SlotIndex from) {
  const SlotContext& context = *context_;
  if (context.prices.interval_count() == 1) return curve(std::max(context.ledger.end(), from));
  // Floors may be lower in some slots than in the last, but never is a price below the idle one.
  const JobPrices::Pair idle = context.prices.idle();
  std::vector<double> curve(context.ways.size(), kNever);
  curve[0] = 0;
  for (std::size_t level = 1; level < curve.size(); ++level)
    for (const Way& way : context.ways[level])
      curve[level] =
          std::min(curve[level], way.tasks.workers * idle.worker + way.tasks.servers * idle.server);
  return curve;
}

double SlotCosts::cost_at(SlotIndex slot, std::span<const TaskGroup> allocation) const {
  const std::span<const StateId> states = context_->ledger.states(slot);
  double cost = 0;
  for (const TaskGroup& group : allocation)
    cost += group.workers * context_->prices.worker(states[group.machine.index()], slot) +
            group.servers * context_->prices.server(states[group.machine.index()], slot);
  return cost;
}

std::optional<PlacedSlot> SlotCosts::place(SlotIndex slot, int level, const Allocation* previous,
                                           double allowance) {
  const double target = cost(slot, level);
  if (target == kNever) return std::nullopt;
  const SlotContext& context = *context_;
  const PhaseTimer timer(context.counters, Phase::placing);
  if (previous != nullptr && !previous->empty() &&
      context.ledger.has_room(slot, context.job, *previous)) {
    const Cluster& cluster = context.ledger.cluster();
    const double rate =
        samples_per_second(context.job.throughput, tasks_of(*previous),
                           locality_of(*previous, cluster), slowest_speed(*previous, cluster));
    const double cost = cost_at(slot, *previous);
    const bool does_it =
        rate * context.work.duration.value >= level * context.work.chunk * (1 - 1e-9);
    if (does_it && cost <= target + allowance) return PlacedSlot{*previous, cost};
  }
  std::optional<Allocation> allocation = pricer_->place(state_of(slot), slot, level);
  if (!allocation) return std::nullopt;
  const double cost = cost_at(slot, *allocation);
  return PlacedSlot{std::move(*allocation), cost};
}

}  // namespace bourse
