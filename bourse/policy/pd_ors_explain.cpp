#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "bourse/policy/pd_ors.h"
#include "bourse/policy/rates.h"

namespace bourse {
namespace {

/// A completion this much later than the end of a slot, relative to it, is rounding error.
constexpr double kSlotTolerance = 1e-6;

/// What prices say a machine's tasks cost, by resource type.
void add_cost(const JobSpec& spec, const TaskGroup& group, const std::vector<double>& unit_prices,
              const std::vector<double>& units, double share, std::vector<double>& by_type) {
  for (std::size_t r = 0; r < by_type.size(); ++r) {
    const Amount taken = group.workers * spec.worker[r] + group.servers * spec.server[r];
    by_type[r] += share * unit_prices[r] * static_cast<double>(taken) / units[r];
  }
}

}  // namespace

PricedOption PdOrsPolicy::priced_option(const ClusterState& state, JobId id,
                                        const PricedSchedule& schedule) const {
  const JobSpec& spec = state.spec(id);
  const Ledger& ledger = bookings_->ledger();
  const std::vector<double>& units = prices_->units();
  PricedOption option{.utility = schedule.utility,
                      .cost = schedule.cost,
                      .completion = schedule.completion,
                      .runs = {},
                      .paid = std::vector<double>(units.size())};
  std::vector<double> idle(units.size());
  const std::vector<double> lowest(units.size(), prices_->bounds().lowest);
  for (const ScheduledSlot& slot : schedule.slots) {
    const Seconds from = std::max(state.now(), start_of(slot.slot));
    const Seconds to = start_of(slot.slot + 1);
    const double share = (to - from) / options_.search.slot;
    for (const TaskGroup& group : slot.allocation) {
      const StateId machine = ledger.states(slot.slot)[group.machine.index()];
      add_cost(spec, group, prices_->unit_prices(ledger, machine, slot.slot), units, share,
               option.paid);
      add_cost(spec, group, lowest, units, share, idle);
    }
    std::vector<PricedOption::Run>& runs = option.runs;
    if (!runs.empty() && runs.back().to == from && runs.back().allocation == slot.allocation)
      runs.back().to = to;
    else
      runs.push_back({from, to, slot.allocation});
  }
  for (const double cost : idle) option.cost_when_idle += cost;
  return option;
}

std::optional<PricedOption> PdOrsPolicy::best_option(const ClusterState& state, JobId id,
                                                     const OpenWork& open, Seconds until) {
  const SearchResult result = search(state, id, open, true, until);
  if (result.verdict != SearchVerdict::found) return std::nullopt;
  return priced_option(state, id, result.schedule);
}

std::optional<Explanation> PdOrsPolicy::explain(const ClusterState& state, JobId id) {
  if (!bookings_) return std::nullopt;
  Explanation said{.job = id};
  Booking* booking = bookings_->find(id);
  if (booking == nullptr && state.job(id).status != JobStatus::waiting &&
      state.job(id).status != JobStatus::running)
    return std::nullopt;
  OpenWork open = all_work(state, id);
  std::vector<ScheduledSlot> booked;
  if (booking != nullptr) {
    open = open_work(state, *booking);
    booked = bookings_->release(state.spec(id), *booking, open.first);
    const Seconds completion =
        std::min(outcome_of(state, id, booked).completion, booking->promised);
    PricedSchedule schedule{.slots = booked,
                            .utility = booking->utility,
                            .cost = cost_of(state.spec(id), booked),
                            .completion = completion};
    said.is_booked = true;
    said.promised = booking->promised;
    said.best = priced_option(state, id, schedule);
    said.best->cost = 0;
    for (const double cost : said.best->paid) said.best->cost += cost;
  } else {
    said.best = best_option(state, id, open, kForever);
  }
  if (said.best) {
    const Seconds slot = options_.search.slot;
    const double last = std::ceil(said.best->completion / slot - kSlotTolerance) - 1;
    said.sooner = best_option(state, id, open, last * slot);
    open.from = std::max(open.from, start_of(bookings_->current())) + slot;
    said.later = best_option(state, id, open, kForever);
  }
  if (booking != nullptr) bookings_->book(state.spec(id), *booking, std::move(booked));
  return said;
}

double PdOrsPolicy::price_now(const ClusterState&, MachineId machine, std::size_t resource) const {
  if (!bookings_ || prices_->bounds().highest.empty())
    return std::numeric_limits<double>::quiet_NaN();
  const Ledger& ledger = bookings_->ledger();
  const SlotIndex slot = bookings_->current();
  const StateId id = ledger.states(slot)[machine.index()];
  if (ledger.state(id).down) return std::numeric_limits<double>::quiet_NaN();
  return prices_->unit_prices(ledger, id, slot)[resource] * kAmountsPerUnit /
         prices_->units()[resource];
}

std::vector<double> PdOrsPolicy::prices_now() const {
  if (!bookings_ || prices_->bounds().highest.empty()) return {};
  const Ledger& ledger = bookings_->ledger();
  const SlotIndex slot = bookings_->current();
  const std::vector<double>& units = prices_->units();
  std::vector<double> mean(units.size());
  double machines = 0;
  for (const StateGroup& group : ledger.groups(slot)) {
    if (ledger.state(group.state).down) continue;
    const std::vector<double> prices = prices_->unit_prices(ledger, group.state, slot);
    for (std::size_t r = 0; r < mean.size(); ++r) mean[r] += group.machines * prices[r];
    machines += group.machines;
  }
  for (std::size_t r = 0; r < mean.size(); ++r)
    mean[r] *= kAmountsPerUnit / units[r] / std::max(1.0, machines);
  return mean;
}

}  // namespace bourse
