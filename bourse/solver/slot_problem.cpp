#include "bourse/solver/slot_problem.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/random.h"

namespace bourse {
namespace {

enum class Role { worker, server };

/// A placement under construction: counts and the room that is left, machine by machine. Counts
/// may be set freely; `add` and `keep_what_fits` respect the room.
class Draft {
 public:
  Draft(const SlotMachines& machines, const SlotDemand& demand)
      : machines_(machines),
        demand_(demand),
        room_(machines.residual),
        counts_{std::vector<int>(machines.size()), std::vector<int>(machines.size())} {}

  /// Puts up to `count` tasks on the machine; returns how many found room.
  int add(Role role, std::size_t machine, int count) {
    const int added = tasks_that_fit(demand_of(role), room_of(machine), count);
    change(role, machine, added);
    return added;
  }

  /// Adds tasks to the cheapest machines until there are `wanted`; false if the room runs out.
  bool top_up(Role role, int wanted) {
    int missing = wanted - total(role);
    if (missing <= 0) return true;
    for (const std::size_t machine : cheapest_first(role)) {
      missing -= add(role, machine, missing);
      if (missing == 0) return true;
    }
    return false;
  }

  /// Drops the most expensive tasks, the last machine of equals first, until there are `wanted`.
  void trim(Role role, int wanted) {
    int surplus = total(role) - wanted;
    if (surplus <= 0) return;
    const std::vector<std::size_t> order = cheapest_first(role);
    for (auto machine = order.rbegin(); surplus > 0 && machine != order.rend(); ++machine) {
      const int dropped = std::min(surplus, counts(role)[*machine]);
      change(role, *machine, -dropped);
      surplus -= dropped;
    }
  }

  [[nodiscard]] SlotPlacement placement() const {
    SlotPlacement out;
    for (std::size_t h = 0; h < machines_.size(); ++h) {
      const int workers = counts_[0][h];
      const int servers = counts_[1][h];
      if (workers == 0 && servers == 0) continue;
      out.tasks.push_back({static_cast<std::uint32_t>(h), workers, servers});
      out.cost += machines_.worker_price[h] * workers + machines_.server_price[h] * servers;
    }
    return out;
  }

 private:
  [[nodiscard]] std::span<const std::int64_t> demand_of(Role role) const {
    return role == Role::worker ? demand_.worker : demand_.server;
  }
  [[nodiscard]] const std::vector<double>& prices(Role role) const {
    return role == Role::worker ? machines_.worker_price : machines_.server_price;
  }
  [[nodiscard]] std::vector<int>& counts(Role role) {
    return counts_[role == Role::worker ? 0 : 1];
  }
  [[nodiscard]] std::span<std::int64_t> room_of(std::size_t machine) {
    return {room_.data() + machine * machines_.resource_count, machines_.resource_count};
  }
  [[nodiscard]] int total(Role role) {
    int sum = 0;
    for (const int count : counts(role)) sum += count;
    return sum;
  }

  void change(Role role, std::size_t machine, int count) {
    counts(role)[machine] += count;
    const auto demand = demand_of(role);
    const auto room = room_of(machine);
    for (std::size_t r = 0; r < room.size(); ++r) room[r] -= count * demand[r];
  }

  /// Machines that hold such a task or have room for one, by price, ties by machine.
  std::vector<std::size_t> cheapest_first(Role role) {
    std::vector<std::size_t> order;
    for (std::size_t h = 0; h < machines_.size(); ++h)
      if (counts(role)[h] > 0 || tasks_that_fit(demand_of(role), room_of(h), 1) > 0)
        order.push_back(h);
    std::ranges::sort(order, {}, [&](std::size_t h) { return std::pair(prices(role)[h], h); });
    return order;
  }

  const SlotMachines& machines_;
  const SlotDemand& demand_;
  std::vector<std::int64_t> room_;
  std::vector<int> counts_[2];
};

void check_slot(const SlotMachines& machines, const SlotDemand& demand) {
  BOURSE_CHECK(machines.server_price.size() == machines.size());
  BOURSE_CHECK(machines.residual.size() == machines.size() * machines.resource_count);
  BOURSE_CHECK(demand.worker.size() == machines.resource_count);
  BOURSE_CHECK(demand.server.size() == machines.resource_count);
}

/// Adds what is missing and drops what is too much; starts over by price alone if that fails.
std::optional<SlotPlacement> complete(Draft draft, const SlotMachines& machines,
                                      const SlotDemand& demand, int workers, int servers) {
  if (!draft.top_up(Role::server, servers) || !draft.top_up(Role::worker, workers))
    return place_greedy(machines, demand, workers, servers);
  draft.trim(Role::server, servers);
  draft.trim(Role::worker, workers);
  return draft.placement();
}

/// Address of the random numbers of one try.
RandomStream stream_of(const RandomizedOptions& options, int attempt) {
  BOURSE_CHECK(attempt >= 0 && attempt < 4096);
  BOURSE_CHECK(options.slot < (1U << 20));
  return {options.seed, Purpose::rounding, options.job,
          options.slot << 12 | static_cast<std::uint32_t>(attempt)};
}

}  // namespace

int tasks_that_fit(std::span<const std::int64_t> demand, std::span<const std::int64_t> residual,
                   int limit) {
  std::int64_t count = limit;
  for (std::size_t r = 0; r < demand.size() && count > 0; ++r)
    if (demand[r] > 0) count = std::min(count, std::max<std::int64_t>(residual[r], 0) / demand[r]);
  return static_cast<int>(std::max<std::int64_t>(count, 0));
}

bool is_placement(const SlotMachines& machines, const SlotDemand& demand,
                  std::span<const SlotTasks> tasks, int workers, int servers) {
  check_slot(machines, demand);
  std::int64_t worker_total = 0;
  std::int64_t server_total = 0;
  std::vector<std::int64_t> room(machines.resource_count);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const SlotTasks& group = tasks[i];
    if (group.machine >= machines.size() || group.workers < 0 || group.servers < 0) return false;
    if (i > 0 && tasks[i - 1].machine >= group.machine) return false;
    const auto residual = machines.residual_of(group.machine);
    std::ranges::copy(residual, room.begin());
    if (tasks_that_fit(demand.server, room, group.servers) < group.servers) return false;
    for (std::size_t r = 0; r < room.size(); ++r) room[r] -= group.servers * demand.server[r];
    if (tasks_that_fit(demand.worker, room, group.workers) < group.workers) return false;
    worker_total += group.workers;
    server_total += group.servers;
  }
  return worker_total >= workers && server_total >= servers;
}

std::optional<SlotPlacement> place_greedy(const SlotMachines& machines, const SlotDemand& demand,
                                          int workers, int servers) {
  check_slot(machines, demand);
  Draft draft(machines, demand);
  if (!draft.top_up(Role::server, servers)) return std::nullopt;
  if (!draft.top_up(Role::worker, workers)) return std::nullopt;
  return draft.placement();
}

std::optional<SlotPlacement> round_deterministic(const SlotMachines& machines,
                                                 const SlotDemand& demand,
                                                 const FractionalPlacement& relaxed, int workers,
                                                 int servers) {
  check_slot(machines, demand);
  BOURSE_CHECK(relaxed.workers.size() == machines.size());
  BOURSE_CHECK(relaxed.servers.size() == machines.size());
  // The simplex is exact up to 1e-9: 2.9999999999 workers are three.
  const auto whole = [](double count) { return static_cast<int>(std::floor(count + 1e-9)); };
  Draft draft(machines, demand);
  for (std::size_t h = 0; h < machines.size(); ++h) {
    draft.add(Role::server, h, whole(relaxed.servers[h]));
    draft.add(Role::worker, h, whole(relaxed.workers[h]));
  }
  return complete(std::move(draft), machines, demand, workers, servers);
}

std::vector<SlotTasks> draw_rounding(const FractionalPlacement& relaxed,
                                     const RandomizedOptions& options, int attempt) {
  RandomStream stream = stream_of(options, attempt);
  const auto draw = [&](double count) {
    const double scaled = std::max(count, 0.0) * options.gain;
    const double below = std::floor(scaled);
    if (scaled == below) return static_cast<int>(below);
    return static_cast<int>(below) + (stream.uniform() < scaled - below ? 1 : 0);
  };
  std::vector<SlotTasks> tasks;
  for (std::size_t h = 0; h < relaxed.workers.size(); ++h) {
    SlotTasks group{.machine = static_cast<std::uint32_t>(h)};
    group.workers = draw(relaxed.workers[h]);
    group.servers = draw(relaxed.servers[h]);
    if (group.workers > 0 || group.servers > 0) tasks.push_back(group);
  }
  return tasks;
}

RandomizedPlacement round_randomized(const SlotMachines& machines, const SlotDemand& demand,
                                     const FractionalPlacement& relaxed, int workers, int servers,
                                     const RandomizedOptions& options) {
  check_slot(machines, demand);
  BOURSE_CHECK(options.tries >= 1);
  BOURSE_CHECK(options.gain >= 0);
  RandomizedPlacement out;
  std::vector<SlotTasks> tasks;
  bool fits = false;
  while (!fits && out.tries < options.tries) {
    tasks = draw_rounding(relaxed, options, out.tries);
    ++out.tries;
    fits = is_placement(machines, demand, tasks, workers, servers);
  }
  Draft draft(machines, demand);
  for (const SlotTasks& group : tasks) {
    draft.add(Role::server, group.machine, group.servers);
    draft.add(Role::worker, group.machine, group.workers);
  }
  out.repaired = !fits;
  out.placement =
      fits ? draft.placement() : complete(std::move(draft), machines, demand, workers, servers);
  return out;
}

std::optional<SlotPlacement> place_on_one(const SlotMachines& machines, const SlotDemand& demand,
                                          int workers, int servers) {
  check_slot(machines, demand);
  if (workers <= 0 && servers <= 0) return SlotPlacement{};
  std::optional<SlotPlacement> best;
  for (std::size_t h = 0; h < machines.size(); ++h) {
    const double cost = machines.worker_price[h] * workers + machines.server_price[h] * servers;
    if (best && cost >= best->cost) continue;
    const SlotTasks group{static_cast<std::uint32_t>(h), workers, servers};
    if (!is_placement(machines, demand, {&group, 1}, workers, servers)) continue;
    best = SlotPlacement{.tasks = {group}, .cost = cost};
  }
  return best;
}

}  // namespace bourse
