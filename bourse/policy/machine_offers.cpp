#include "bourse/policy/machine_offers.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

namespace bourse {
namespace {

/// The largest float that is not above a value of at least 0.
float rounded_down(double value) {
  const auto nearest = static_cast<float>(value);
  const std::uint32_t one_less = nearest > value ? 1 : 0;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(nearest) - one_less);
}

}  // namespace

MachineOffers::MachineOffers(const SlotContext& context, TaskCounts most)
    : context_(context),
      most_(most),
      idle_(context.prices.idle()),
      ranks_(context.prices.interval_count()) {}

void MachineOffers::rank_groups(std::span<const StateGroup> groups, PriceFloor::Interval interval,
                                std::vector<float>& ranks) {
  std::vector<float>& known = known_ranks(interval);
  ranks.resize(groups.size());
  // States lie apart in memory: what is needed soon is asked for early.
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i + kAhead < groups.size() && known[groups[i + kAhead].state] == kUnknown)
      __builtin_prefetch(context_.ledger.state(groups[i + kAhead].state).residual.data());
    float& rank = known[groups[i].state];
    if (rank == kUnknown) rank = find_rank(groups[i].state, interval);
    ranks[i] = rank;
  }
}

float MachineOffers::find_rank(StateId state, PriceFloor::Interval interval) {
  const MachineState machine = context_.ledger.state(state);
  const auto room_for = [&](const ResourceVector& task) {
    bool has_room = true;
    for (std::size_t r = 0; r < task.size(); ++r) has_room &= task[r] <= machine.residual[r];
    return has_room;
  };
  const bool worker = room_for(context_.job.worker);
  const bool server = most_.servers > 0 && room_for(context_.job.server);
  if (machine.down || (!worker && !server)) return kNoRoom;
  const JobPrices::Pair price = context_.prices.find(machine, interval);
  double rank = std::numeric_limits<double>::max();
  // A task that needs nothing costs nothing anywhere: every machine is among the cheapest.
  const auto consider = [&](double cost, double unit) {
    rank = std::min(rank, unit > 0 ? cost / unit : 0.0);
  };
  if (worker) consider(price.worker, idle_.worker);
  if (server) consider(price.server, idle_.server);
  return rounded_down(std::min(rank, double{std::numeric_limits<float>::max()}));
}

const std::vector<TaskPoint>& MachineOffers::corners(StateId state) {
  if (polygon_of_.empty()) polygon_of_.resize(context_.ledger.state_count());
  std::uint32_t& at = polygon_of_[state];
  if (at == 0) {
    at = static_cast<std::uint32_t>(polygons_.size());
    polygons_.push_back(task_polygon({context_.job.worker, context_.job.server},
                                     context_.ledger.state(state).residual, most_.workers,
                                     most_.servers));
  }
  return polygons_[at];
}

}  // namespace bourse
