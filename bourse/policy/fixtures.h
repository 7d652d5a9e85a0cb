#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bourse/model/workload.h"
#include "bourse/policy/registry.h"

namespace bourse::testing {

/// Machines alike, each with these amounts of resources named a, b, c ... unless names are given.
inline Cluster cluster_of(std::size_t machines,
                          const std::vector<std::pair<std::string, double>>& r,
                          std::size_t racks = 1) {
  Cluster cluster;
  MachineClass machine_class{.name = "machine", .capacity = {}};
  for (const auto& [name, amount] : r) {
    (void)cluster.types.add(name, ResourceKind::count);
    machine_class.capacity.push_back(static_cast<Amount>(amount * kAmountsPerUnit));
  }
  cluster.classes.push_back(std::move(machine_class));
  cluster.rack_count = static_cast<std::uint32_t>(racks);
  for (std::size_t h = 0; h < machines; ++h)
    cluster.machines.push_back({0, static_cast<std::uint32_t>(h * racks / machines)});
  return cluster;
}

/// Amounts of so many units each.
inline ResourceVector amounts(const std::vector<double>& units) {
  ResourceVector vector;
  for (const double unit : units) vector.push_back(static_cast<Amount>(unit * kAmountsPerUnit));
  return vector;
}

/// A gang of `workers` workers of one GPU each that runs for `duration` seconds.
inline JobSpec gang(std::string name, double arrival, int workers, double duration,
                    Utility utility = ConstantUtility{1}) {
  JobSpec job;
  job.name = std::move(name);
  job.arrival = Seconds(arrival);
  job.samples = duration;
  job.worker = amounts({1});
  job.server = amounts({0});
  job.throughput = RigidThroughput{workers, 0};
  job.utility = std::move(utility);
  job.requested_workers = workers;
  return job;
}

/// Without a horizon and a slot.
inline Instance instance_of(Cluster cluster, std::vector<JobSpec> jobs) {
  return {.cluster = std::move(cluster), .jobs = std::move(jobs)};
}

/// A small search for the policies that choose batches: tests are after what they do, not how well.
inline Settings quick_settings(const PolicyInfo& info) {
  Settings settings;
  for (const Parameter& parameter : info.parameters)
    if (parameter.name == "population" || parameter.name == "generations")
      settings[std::string(parameter.name)] = "8";
  // Fits of its model take most of the time of ones, and have tests of their own.
  if (info.name == "ones") settings["progress"] = "declared";
  return settings;
}

}  // namespace bourse::testing
