#include "bourse/policy/machine_pool.h"

#include <algorithm>
#include <array>
#include <utility>

namespace bourse {
namespace {

/// The least of the ranks that are above `reach`; infinite if there is none.
float least_above(std::span<const float> ranks, float reach) {
  // Four at a time: what compilers turn into vector instructions without being told.
  std::array<float, 4> least;
  least.fill(std::numeric_limits<float>::infinity());
  const auto consider = [&](std::size_t i, std::size_t lane) {
    const float rank = ranks[i] > reach ? ranks[i] : std::numeric_limits<float>::infinity();
    least[lane] = rank < least[lane] ? rank : least[lane];
  };
  const std::size_t whole = ranks.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4)
    for (std::size_t lane = 0; lane < 4; ++lane) consider(i + lane, lane);
  for (std::size_t i = whole; i < ranks.size(); ++i) consider(i, 0);
  return std::ranges::min(least);
}

}  // namespace

void MachinePool::reset(std::span<const StateGroup> groups, SlotIndex slot) {
  groups_ = groups;
  interval_ = context_.prices.interval_of(slot);
  candidates_.clear();
  stages_.clear();
  is_ranked_ = false;
  next_rank_ = kNoRank;
  core_.clear();
  core_states_.clear();
  fed_ = 0;
}

void MachinePool::rank_all() {
  is_ranked_ = true;
  offers_.rank_groups(groups_, interval_, ranks_);
  if (context_.speeds.size() > 1)
    for (std::size_t i = 0; i < groups_.size(); ++i)
      if (!context_.allowed(context_.ledger.state(groups_[i].state), speed_)) ranks_[i] = kNoRank;
  next_rank_ = least_above(ranks_, -1);
}

bool MachinePool::extend() {
  if (!is_ranked_) rank_all();
  if (next_rank_ == kNoRank) return false;
  const float last = stages_.empty() ? -1 : stages_.back().rank;
  const float reach = std::min(3 * std::max(next_rank_, last), std::numeric_limits<float>::max());
  const std::size_t begin = candidates_.size();
  candidates_.resize(begin + ranks_.size());
  std::size_t end = begin;
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    candidates_[end] = groups_[i];
    const std::size_t is_within = ranks_[i] <= reach ? 1 : 0;
    const std::size_t is_new = ranks_[i] > last ? 1 : 0;
    end += is_within & is_new;  // Without a branch: which are taken follows no pattern.
  }
  candidates_.resize(end);
  next_rank_ = least_above(ranks_, reach);
  stages_.push_back({reach, candidates_.size()});
  if (offers_.needs_servers()) return true;
  std::sort(candidates_.begin() + static_cast<std::ptrdiff_t>(begin), candidates_.end(),
            [&](const StateGroup& a, const StateGroup& b) {
              return std::pair(price(a.state).worker, a.state) <
                     std::pair(price(b.state).worker, b.state);
            });
  return true;
}

std::span<const StateGroup> MachinePool::candidates(std::size_t stage) const {
  const std::size_t begin = stage == 0 ? 0 : stages_[stage - 1].end;
  return std::span(candidates_).subspan(begin, stages_[stage].end - begin);
}

double MachinePool::cost_on_one(TaskCounts tasks, double limit) {
  ResourceVector demand(context_.job.worker.size());
  for (std::size_t r = 0; r < demand.size(); ++r)
    demand[r] = tasks.workers * context_.job.worker[r] + tasks.servers * context_.job.server[r];
  const Cluster& cluster = context_.ledger.cluster();
  const bool fits_somewhere = std::ranges::any_of(cluster.classes, [&](const MachineClass& c) {
    return c.speed >= context_.speeds[speed_] && fits(demand, c.capacity);
  });
  if (!fits_somewhere) return kNever;
  const double least = offers_.least_cost(tasks);
  double best = limit;
  for (std::size_t stage = 0; stage < stages_.size() || extend(); ++stage) {
    for (const StateGroup& candidate : candidates(stage)) {
      const JobPrices::Pair& each = price(candidate.state);
      const double cost = tasks.workers * each.worker + tasks.servers * each.server;
      if (cost < best && fits(demand, context_.ledger.state(candidate.state).residual)) best = cost;
    }
    if (double{stages_[stage].rank} * least >= best) break;  // All others cost more.
  }
  return best < limit ? best : kNever;
}

double MachinePool::cost_of_workers(int workers, double limit, double& dearest) {
  std::int64_t left = workers;
  double cost = 0;
  for (std::size_t stage = 0; stage < stages_.size() || extend(); ++stage) {
    for (const StateGroup& candidate : candidates(stage)) {
      const std::int64_t each = count_that_fits(
          context_.job.worker, context_.ledger.state(candidate.state).residual, left);
      const std::int64_t count = std::min(left, each * candidate.machines);
      dearest = price(candidate.state).worker;
      cost += dearest * static_cast<double>(count);
      left -= count;
      if (left == 0) return cost < limit ? cost : kNever;
    }
    if (cost >= limit) return kNever;
  }
  return kNever;
}

bool MachinePool::feed() {
  if (fed_ == stages_.size() && !extend()) return false;
  for (const StateGroup& candidate : candidates(fed_)) {
    const std::vector<TaskPoint>& corners = offers_.corners(candidate.state);
    if (corners.size() < 2) continue;
    const JobPrices::Pair& each = price(candidate.state);
    core_.add({.worker_price = each.worker,
               .server_price = each.server,
               .machines = static_cast<int>(candidate.machines),
               .residual = context_.ledger.state(candidate.state).residual,
               .corners = corners});
    core_states_.push_back(candidate.state);
  }
  ++fed_;
  return true;
}

double MachinePool::cost_of_tasks(TaskCounts tasks, double limit,
                                  std::vector<std::pair<StateId, CorePart>>& parts) {
  SlotCore::Outcome outcome = SlotCore::Outcome::beyond;
  {
    const PhaseTimer timer(context_.counters, Phase::relaxation);
    ++context_.counters.relaxations;
    if (fed_ == 0 && !feed()) return kNever;
    while (outcome == SlotCore::Outcome::beyond) {
      const bool all = fed_ == stages_.size() && is_complete();
      const double rank = all ? SlotCore::kNoLimit : double{stages_[fed_ - 1].rank};
      outcome = core_.move_to(tasks.workers, tasks.servers, rank * offers_.worker_unit(),
                              rank * offers_.server_unit());
      if (outcome == SlotCore::Outcome::beyond) (void)feed();
    }
  }
  if (outcome == SlotCore::Outcome::infeasible) return kNever;
  const PhaseTimer timer(context_.counters, Phase::rounding);
  if (outcome == SlotCore::Outcome::stalled) return greedy(tasks, parts);
  if (core_.bound() >= limit) return kNever;
  ++context_.counters.roundings;
  double cost = 0;
  const auto rounded = core_.round(cost);
  if (!rounded) return greedy(tasks, parts);
  for (const CorePart& part : *rounded) parts.emplace_back(core_states_[part.class_index], part);
  return cost;
}

double MachinePool::greedy(TaskCounts tasks, std::vector<std::pair<StateId, CorePart>>& parts) {
  SlotMachines machines{.resource_count = context_.job.worker.size()};
  std::vector<StateId> states;
  for (const StateGroup& group : groups_) {
    const MachineState state = context_.ledger.state(group.state);
    if (offers_.rank(group.state, interval_) == kNoRank || !context_.allowed(state, speed_))
      continue;
    for (std::uint32_t i = 0; i < group.machines; ++i) {
      states.push_back(group.state);
      machines.worker_price.push_back(price(group.state).worker);
      machines.server_price.push_back(price(group.state).server);
      machines.residual.insert(machines.residual.end(), state.residual.begin(),
                               state.residual.end());
    }
  }
  const auto placed = place_greedy(machines, {context_.job.worker, context_.job.server},
                                   tasks.workers, tasks.servers);
  if (!placed) return kNever;
  for (const SlotTasks& on : placed->tasks)
    parts.emplace_back(states[on.machine], CorePart{0, 1, {on.workers, on.servers}});
  return placed->cost;
}

}  // namespace bourse
