#include "bourse/model/allocation.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

/// Machines 0 and 1 of speed 1 in rack 0, machine 2 of speed 0.5 in rack 1.
Cluster three_machines() {
  auto cluster = parse_cluster_yaml(
      "machines: [{count: 2, resources: {gpu: 8}}, {count: 1, speed: 0.5, resources: {gpu: 8}}]",
      "c.yaml");
  EXPECT_TRUE(cluster.has_value());
  return *std::move(cluster);
}

TaskGroup group(std::uint32_t machine, int workers, int servers) {
  return {.machine = MachineId(machine), .workers = workers, .servers = servers};
}

TEST(Allocation, CountsItsTasks) {
  EXPECT_EQ(tasks_of(Allocation{group(0, 2, 1), group(2, 3, 0)}), (TaskCounts{5, 1}));
  EXPECT_EQ(tasks_of(Allocation{}), TaskCounts{});
}

TEST(Allocation, IsAsFarApartAsItsMachines) {
  const Cluster cluster = three_machines();
  EXPECT_EQ(locality_of(Allocation{}, cluster), Locality::machine);
  EXPECT_EQ(locality_of(Allocation{group(2, 1, 1)}, cluster), Locality::machine);
  EXPECT_EQ(locality_of(Allocation{group(0, 1, 0), group(1, 0, 1)}, cluster), Locality::rack);
  EXPECT_EQ(locality_of(Allocation{group(0, 1, 0), group(2, 1, 0)}, cluster), Locality::cluster);
}

TEST(Allocation, RunsAtTheSpeedOfItsSlowestWorker) {
  const Cluster cluster = three_machines();
  EXPECT_EQ(slowest_speed(Allocation{group(0, 1, 0), group(2, 1, 0)}, cluster), 0.5);
  EXPECT_EQ(slowest_speed(Allocation{group(0, 1, 0), group(2, 0, 1)}, cluster), 1);
  EXPECT_EQ(slowest_speed(Allocation{}, cluster), 1);
}

TEST(Normalize, SortsJoinsAndDrops) {
  Allocation allocation{group(2, 1, 0), group(1, 0, 0), group(0, 1, 1), group(2, 2, 1)};
  normalize(allocation);
  EXPECT_EQ(allocation, (Allocation{group(0, 1, 1), group(2, 3, 1)}));
}

}  // namespace
}  // namespace bourse
