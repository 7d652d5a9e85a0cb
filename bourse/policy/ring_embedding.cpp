#include "bourse/policy/ring_embedding.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "bourse/policy/job_sizes.h"

namespace bourse {

BytesPerSecond link_demand(const JobSpec& job) {
  if (const auto* ring = std::get_if<RingThroughput>(&job.throughput)) return ring->rate_across;
  if (const auto* ps = std::get_if<ParameterServerThroughput>(&job.throughput))
    return ps->rate_across;
  return BytesPerSecond(0);
}

void EmbeddingRoom::change(const JobSpec& job, const Allocation& allocation, int sign) {
  if (sign < 0)
    free_.take(job, allocation);
  else
    free_.give(job, allocation);
  if (allocation.size() < 2) return;
  for (const TaskGroup& group : allocation)
    link_[group.machine.index()] += sign * link_demand(job).value;
}

bool EmbeddingRoom::has(const JobSpec& job, const Allocation& allocation) const {
  if (!free_.has(job, allocation)) return false;
  if (allocation.size() < 2) return true;
  return std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    return link_[group.machine.index()] >= link_demand(job).value;
  });
}

std::optional<Allocation> EmbeddingRoom::grow(const JobSpec& job, TaskCounts tasks,
                                              const Allocation& now) const {
  const TaskCounts held = tasks_of(now);
  if (now.empty() || held.workers > tasks.workers || held.servers > tasks.servers)
    return std::nullopt;
  for (std::size_t i = 0; i < now.size(); ++i) {
    Allocation grown = now;
    grown[i].workers += tasks.workers - held.workers;
    grown[i].servers += tasks.servers - held.servers;
    if (has(job, grown)) return grown;
  }
  return std::nullopt;
}

std::optional<Allocation> EmbeddingRoom::on_one_machine(const JobSpec& job,
                                                        TaskCounts tasks) const {
  const ResourceVector demand = demand_of(job, tasks);
  const bool wants_tight = is_rigid(job.throughput);
  std::optional<MachineId> best;
  for (std::size_t h = 0; h < free_.machine_count(); ++h) {
    const MachineId id(h);
    if (!fits(demand, free_.of(id))) continue;
    const auto is_better = [&](MachineId other) {
      return wants_tight ? std::ranges::lexicographical_compare(free_.of(id), free_.of(other))
                         : std::ranges::lexicographical_compare(free_.of(other), free_.of(id));
    };
    if (!best || is_better(*best)) best = id;
  }
  if (!best) return std::nullopt;
  Allocation placed{{*best, tasks.workers, tasks.servers}};
  if (declared_speed(job, placed, free_.cluster()) <= 0) return std::nullopt;
  return placed;
}

std::optional<Allocation> EmbeddingRoom::spread(const JobSpec& job, TaskCounts tasks,
                                                std::optional<std::uint32_t> rack) {
  struct Room {
    std::int64_t workers;
    MachineId machine;
  };
  std::vector<Room> rooms;
  const std::vector<Machine>& machines = free_.cluster().machines;
  for (std::size_t h = 0; h < machines.size(); ++h) {
    if (rack && machines[h].rack != *rack) continue;
    if (link_[h] < link_demand(job).value) continue;
    rooms.push_back(
        {count_that_fits(job.worker, free_.of(MachineId(h)), tasks.workers), MachineId(h)});
  }
  std::ranges::stable_sort(rooms, std::greater{}, &Room::workers);
  Allocation placed;
  const auto fill = [&](bool is_worker, int wanted) {
    for (const Room& room : rooms) {
      if (wanted == 0) break;
      const ResourceVector& demand = is_worker ? job.worker : job.server;
      const auto count = static_cast<int>(count_that_fits(demand, free_.of(room.machine), wanted));
      if (count == 0) continue;
      const Allocation part{{room.machine, is_worker ? count : 0, is_worker ? 0 : count}};
      free_.take(job, part);
      placed.push_back(part.front());
      wanted -= count;
    }
    return wanted == 0;
  };
  const bool is_placed = fill(true, tasks.workers) && fill(false, tasks.servers);
  free_.give(job, placed);
  normalize(placed);
  if (!is_placed || declared_speed(job, placed, free_.cluster()) <= 0) return std::nullopt;
  return placed;
}

std::optional<Allocation> EmbeddingRoom::embed(const JobSpec& job, TaskCounts tasks,
                                               const Allocation& now) {
  if (auto grown = grow(job, tasks, now)) {
    if (declared_speed(job, *grown, free_.cluster()) > 0) return grown;
  }
  if (auto one = on_one_machine(job, tasks)) return one;
  if (tasks.workers + tasks.servers == 1) return std::nullopt;
  const std::uint32_t racks = free_.cluster().rack_count;
  if (racks == 1 || samples_per_second(job.throughput, tasks, Locality::cluster) > 0)
    return spread(job, tasks, std::nullopt);
  for (std::uint32_t rack = 0; rack < racks; ++rack)
    if (auto placed = spread(job, tasks, rack)) return placed;
  return std::nullopt;
}

}  // namespace bourse
