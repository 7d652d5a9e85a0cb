#include "bourse/policy/placement.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

/// Machines as the placement functions see them, whoever owns the amounts.
struct Machines {
  const Cluster* cluster;
  const Amount* amounts;
  std::size_t types;
  std::size_t count;
  [[nodiscard]] std::span<const Amount> of(std::size_t machine) const {
    return {amounts + machine * types, types};
  }
};

/// The machine with the least left over after `demand`, or `count` if none holds it. What is left
/// over is compared by the types in their order.
std::size_t tightest_machine(const Machines& machines, const ResourceVector& demand) {
  std::size_t best = machines.count;
  if (machines.types == 1) {
    Amount least = std::numeric_limits<Amount>::max();
    for (std::size_t h = 0; h < machines.count; ++h) {
      const Amount free = machines.amounts[h];
      if (free >= demand[0] && free < least) {
        least = free;
        best = h;
        if (free == demand[0]) break;  // None is tighter.
      }
    }
    return best;
  }
  for (std::size_t h = 0; h < machines.count; ++h) {
    if (!fits(demand, machines.of(h))) continue;
    if (best == machines.count ||
        std::ranges::lexicographical_compare(machines.of(h), machines.of(best)))
      best = h;
  }
  return best;
}

/// Gives up to `wanted` tasks of one role to the machines in `order`; returns how many are left.
int spread(const Machines& machines, std::vector<Amount>& free, std::span<const Amount> demand,
           int wanted, std::span<const std::size_t> order, int TaskGroup::* role,
           std::vector<TaskGroup>& groups) {
  for (const std::size_t h : order) {
    if (wanted == 0) break;
    const std::span<Amount> room(free.data() + h * machines.types, machines.types);
    const int count = static_cast<int>(count_that_fits(demand, room, wanted));
    if (count == 0) continue;
    take(room, demand, count);
    groups[h].*role += count;
    wanted -= count;
  }
  return wanted;
}

/// A spread can be useless: a table may have no speed for tasks so far apart.
bool makes_progress(const Machines& machines, const JobSpec& job, const Allocation& allocation) {
  return samples_per_second(job.throughput, tasks_of(allocation),
                            locality_of(allocation, *machines.cluster),
                            slowest_speed(allocation, *machines.cluster)) > 0;
}

/// A machine and how many tasks of a role it has room for.
struct Room {
  std::int64_t count;
  std::size_t machine;
};

/// The machines of `order`, which is by id, with room for tasks of this demand, the most room
/// first; nothing if it is not enough for `wanted` of them.
std::vector<Room> roomiest(const Machines& machines, std::span<const Amount> demand, int wanted,
                           std::span<const std::size_t> order) {
  std::vector<Room> rooms;
  std::int64_t total = 0;
  for (const std::size_t h : order) {
    const std::int64_t count = count_that_fits(demand, machines.of(h), wanted);
    if (count == 0) continue;
    rooms.push_back({count, h});
    total += count;
  }
  if (total < wanted) return {};
  std::ranges::sort(rooms, {},
                    [](const Room& room) { return std::pair(-room.count, room.machine); });
  return rooms;
}

/// Tasks of one role, on the machines of `order` with room for the most of them.
std::optional<Allocation> place_workers(const Machines& machines, const JobSpec& job, int workers,
                                        std::span<const std::size_t> order) {
  Allocation groups;
  for (const Room& room : roomiest(machines, job.worker, workers, order)) {
    const auto count = static_cast<int>(std::min<std::int64_t>(workers, room.count));
    groups.push_back({MachineId(room.machine), count, 0});
    workers -= count;
    if (workers == 0) break;
  }
  if (workers > 0) return std::nullopt;
  std::ranges::sort(groups, {}, &TaskGroup::machine);
  if (!makes_progress(machines, job, groups)) return std::nullopt;
  return groups;
}

/// The tasks of the `first` role go to the machines of `order` with room for the most of them, then
/// the other role to what is left in the same order.
std::optional<Allocation> place_spread(const Machines& machines, const JobSpec& job,
                                       TaskCounts tasks, int TaskGroup::* first,
                                       std::vector<std::size_t> order) {
  const bool is_worker = first == &TaskGroup::workers;
  const ResourceVector& demand = is_worker ? job.worker : job.server;
  const ResourceVector& other_demand = is_worker ? job.server : job.worker;
  const int count = is_worker ? tasks.workers : tasks.servers;
  const int other_count = is_worker ? tasks.servers : tasks.workers;
  int TaskGroup::* const other = is_worker ? &TaskGroup::servers : &TaskGroup::workers;
  std::vector<Amount> free(machines.amounts, machines.amounts + machines.count * machines.types);
  std::vector<TaskGroup> groups(machines.count);
  std::vector<std::int64_t> room(machines.count);
  for (std::size_t h = 0; h < machines.count; ++h) groups[h].machine = MachineId(h);
  for (const std::size_t h : order) room[h] = count_that_fits(demand, machines.of(h), count);
  std::ranges::stable_sort(order, std::greater{}, [&](std::size_t h) { return room[h]; });
  if (spread(machines, free, demand, count, order, first, groups) > 0) return std::nullopt;
  if (spread(machines, free, other_demand, other_count, order, other, groups) > 0)
    return std::nullopt;
  normalize(groups);
  if (!makes_progress(machines, job, groups)) return std::nullopt;
  return groups;
}

/// Over the machines of `order`, by workers or else by servers first.
std::optional<Allocation> place_within(const Machines& machines, const JobSpec& job,
                                       TaskCounts tasks, const std::vector<std::size_t>& order) {
  if (tasks.servers == 0) return place_workers(machines, job, tasks.workers, order);
  auto placed = place_spread(machines, job, tasks, &TaskGroup::workers, order);
  if (!placed) placed = place_spread(machines, job, tasks, &TaskGroup::servers, order);
  return placed;
}

/// Over all machines or, where only tasks of one rack make progress, over the first rack that
/// works.
std::optional<Allocation> place_apart(const Machines& machines, const JobSpec& job,
                                      TaskCounts tasks) {
  if (machines.cluster->rack_count == 1 ||
      samples_per_second(job.throughput, tasks, Locality::cluster) > 0) {
    std::vector<std::size_t> all(machines.count);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return place_within(machines, job, tasks, all);
  }
  std::vector<std::vector<std::size_t>> racks(machines.cluster->rack_count);
  for (std::size_t h = 0; h < machines.count; ++h)
    racks[machines.cluster->machines[h].rack].push_back(h);
  for (const std::vector<std::size_t>& rack : racks)
    if (auto placed = place_within(machines, job, tasks, rack)) return placed;
  return std::nullopt;
}

std::optional<Allocation> place_round_robin(const Machines& machines, const JobSpec& job,
                                            TaskCounts tasks, std::size_t start) {
  std::vector<Amount> free(machines.amounts, machines.amounts + machines.count * machines.types);
  std::vector<TaskGroup> groups(machines.count);
  for (std::size_t h = 0; h < machines.count; ++h) groups[h].machine = MachineId(h);
  BOURSE_CHECK(machines.count > 0);
  std::size_t h = start % machines.count;
  std::size_t failures = 0;
  while (tasks.workers + tasks.servers > 0 && failures < machines.count) {
    const bool is_worker = tasks.workers > 0;
    const std::span<const Amount> demand = is_worker ? job.worker : job.server;
    const std::span<Amount> room(free.data() + h * machines.types, machines.types);
    if (fits(demand, room)) {
      take(room, demand, 1);
      ++(is_worker ? groups[h].workers : groups[h].servers);
      --(is_worker ? tasks.workers : tasks.servers);
      failures = 0;
    } else {
      ++failures;
    }
    h = (h + 1) % machines.count;
  }
  if (tasks.workers + tasks.servers > 0) return std::nullopt;
  normalize(groups);
  return groups;
}

std::optional<Allocation> place_on(const Machines& machines, const JobSpec& job, TaskCounts tasks,
                                   PlacementRule rule, std::size_t start) {
  if (rule == PlacementRule::round_robin) {
    auto placed = place_round_robin(machines, job, tasks, start);
    if (placed && makes_progress(machines, job, *placed)) return placed;
  }
  const std::size_t h = tightest_machine(machines, demand_of(job, tasks));
  if (h < machines.count) return Allocation{{MachineId(h), tasks.workers, tasks.servers}};
  if (tasks.workers + tasks.servers == 1) return std::nullopt;
  return place_apart(machines, job, tasks);
}

}  // namespace

FreeCapacity::FreeCapacity(const Ledger& ledger, SlotIndex slot)
    : cluster_(&ledger.cluster()),
      types_(ledger.cluster().types.size()),
      machine_count_(ledger.cluster().machines.size()) {
  amounts_.reserve(types_ * machine_count_);
  for (const StateId id : ledger.states(slot)) {
    const std::span<const Amount> residual = ledger.state(id).residual;
    amounts_.insert(amounts_.end(), residual.begin(), residual.end());
  }
}

FreeCapacity::FreeCapacity(const ClusterState& state)
    : cluster_(&state.cluster()),
      types_(state.cluster().types.size()),
      machine_count_(state.cluster().machines.size()) {
  const Amount* first = state.free(MachineId(std::size_t{0})).data();
  amounts_.assign(first, first + machine_count_ * types_);
}

void FreeCapacity::add(const JobSpec& job, std::span<const TaskGroup> allocation,
                       std::int64_t sign) {
  for (const TaskGroup& group : allocation)
    for (std::size_t r = 0; r < types_; ++r)
      amounts_[group.machine.index() * types_ + r] +=
          sign * (group.workers * job.worker[r] + group.servers * job.server[r]);
}

void FreeCapacity::cap_by(const FreeCapacity& other) {
  BOURSE_CHECK(amounts_.size() == other.amounts_.size());
  for (std::size_t i = 0; i < amounts_.size(); ++i)
    amounts_[i] = std::min(amounts_[i], other.amounts_[i]);
}

void FreeCapacity::keep_class(std::uint32_t class_index) {
  for (std::size_t h = 0; h < machine_count_; ++h)
    if (cluster_->machines[h].class_index != class_index)
      std::fill_n(amounts_.begin() + static_cast<std::ptrdiff_t>(h * types_), types_, Amount{-1});
}

bool FreeCapacity::has(const JobSpec& job, std::span<const TaskGroup> allocation) const {
  return std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    const std::span<const Amount> room = of(group.machine);
    for (std::size_t r = 0; r < types_; ++r)
      if (group.workers * job.worker[r] + group.servers * job.server[r] > room[r]) return false;
    return true;
  });
}

std::optional<Allocation> place(const ClusterState& state, const JobSpec& job, TaskCounts tasks,
                                PlacementRule rule, std::size_t start) {
  const Machines machines{&state.cluster(), state.free(MachineId(std::size_t{0})).data(),
                          state.cluster().types.size(), state.cluster().machines.size()};
  return place_on(machines, job, tasks, rule, start);
}

std::optional<Allocation> place(const FreeCapacity& free, const JobSpec& job, TaskCounts tasks,
                                PlacementRule rule, std::size_t start) {
  const std::span<const Amount> first = free.of(MachineId(std::size_t{0}));
  return place_on({&free.cluster(), first.data(), first.size(), free.machine_count()}, job, tasks,
                  rule, start);
}

}  // namespace bourse
