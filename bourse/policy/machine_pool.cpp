#include "bourse/policy/machine_pool.h"

#include <algorithm>
#include <utility>

namespace bourse {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr float kNoRank = std::numeric_limits<float>::infinity();

}  // namespace

void MachinePool::reset(std::span<const StateGroup> groups, SlotIndex slot) {
  groups_ = groups;
  interval_ = context_.prices.interval_of(slot);
  candidates_.clear();
  stages_.clear();
  beyond_.clear();
  is_ranked_ = false;
  next_rank_ = kNoRank;
  core_.clear();
  core_states_.clear();
  fed_ = 0;
}

void MachinePool::rank_all() {
  is_ranked_ = true;
  const bool one_speed = context_.speeds.size() == 1;
  for (const StateGroup& group : groups_) {
    const float rank = offers_.rank(group.state, interval_);
    if (rank < 0) continue;
    if (!one_speed && !context_.allowed(context_.ledger.state(group.state), speed_)) continue;
    beyond_.push_back({group.state, group.machines, rank});
    next_rank_ = std::min(next_rank_, rank);
  }
}

bool MachinePool::extend() {
  if (!is_ranked_) rank_all();
  if (beyond_.empty()) return false;
  const float last = stages_.empty() ? 0 : stages_.back().rank;
  const float reach = 3 * std::max(next_rank_, last);
  next_rank_ = kNoRank;
  const std::size_t begin = candidates_.size();
  std::size_t kept = 0;
  for (const Candidate& machine : beyond_) {
    if (machine.rank <= reach) {
      candidates_.push_back(machine);
    } else {
      next_rank_ = std::min(next_rank_, machine.rank);
      beyond_[kept++] = machine;
    }
  }
  beyond_.resize(kept);
  stages_.push_back({reach, candidates_.size()});
  if (offers_.needs_servers()) return true;
  std::sort(candidates_.begin() + static_cast<std::ptrdiff_t>(begin), candidates_.end(),
            [&](const Candidate& a, const Candidate& b) {
              return std::pair(price(a.state).worker, a.state) <
                     std::pair(price(b.state).worker, b.state);
            });
  return true;
}

std::span<const MachinePool::Candidate> MachinePool::candidates(std::size_t stage) const {
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
    for (const Candidate& candidate : candidates(stage)) {
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
    for (const Candidate& candidate : candidates(stage)) {
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
  for (const Candidate& candidate : candidates(fed_)) {
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
    if (offers_.rank(group.state, interval_) < 0 || !context_.allowed(state, speed_)) continue;
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
