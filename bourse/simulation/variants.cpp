#include "bourse/simulation/variants.h"

#include <fmt/core.h>

#include <cmath>
#include <map>

#include "bourse/base/check.h"

namespace bourse {

Instance at_load(Instance instance, double load) {
  BOURSE_CHECK(load > 0);
  if (load == 1) return instance;
  for (JobSpec& job : instance.jobs) job.arrival = job.arrival / load;
  if (instance.horizon < kForever) instance.horizon = instance.horizon / load;
  return instance;
}

Cluster enlarged(const Cluster& cluster, int times) {
  BOURSE_CHECK(times >= 1);
  Cluster out = cluster;
  for (int copy = 1; copy < times; ++copy)
    for (Machine machine : cluster.machines) {
      machine.rack += static_cast<std::uint32_t>(copy) * cluster.rack_count;
      out.machines.push_back(machine);
    }
  out.rack_count = cluster.rack_count * static_cast<std::uint32_t>(times);
  return out;
}

Instance enlarged(const Instance& instance, int times) {
  Instance out = instance;
  if (times == 1) return out;
  out.cluster = enlarged(instance.cluster, times);
  out.jobs.clear();
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    const JobSpec& job = instance.jobs[i];
    const Seconds gap =
        i + 1 < instance.jobs.size() ? instance.jobs[i + 1].arrival - job.arrival : Seconds(0);
    for (int copy = 0; copy < times; ++copy) {
      out.jobs.push_back(job);
      out.jobs.back().arrival += gap * (static_cast<double>(copy) / times);
      if (copy > 0) out.jobs.back().name += fmt::format("~{}", copy);
    }
  }
  return out;
}

std::vector<GroupInstance> by_group(const Instance& instance) {
  std::map<std::string, Instance> groups;
  for (const JobSpec& job : instance.jobs) {
    const auto [at, is_new] = groups.try_emplace(job.group);
    if (is_new) {
      at->second.cluster = instance.cluster;
      at->second.horizon = instance.horizon;
      at->second.slot = instance.slot;
    }
    at->second.jobs.push_back(job);
  }
  std::vector<GroupInstance> out;
  for (auto& [name, group] : groups) {
    Seconds start = group.jobs.front().arrival;
    if (group.slot > Seconds(0)) start = group.slot * std::floor(start / group.slot);
    for (JobSpec& job : group.jobs) job.arrival -= start;
    if (group.horizon < kForever) group.horizon -= start;
    out.push_back({name, std::move(group)});
  }
  return out;
}

}  // namespace bourse
