#include "bourse/policy/filler.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/rates.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

/// n workers train n samples a second on one machine and n / 4 across.
JobSpec table_job() {
  JobSpec job = gang("job", 0, 1, 100);
  TableThroughput table;
  for (int n = 1; n <= 8; ++n) {
    table.points.push_back({n, 0, Locality::machine, 1.0 * n});
    table.points.push_back({n, 0, Locality::cluster, 0.25 * n});
  }
  job.throughput = table;
  return job;
}

FreeCapacity free_of(const Cluster& cluster) { return FreeCapacity(ClusterState(cluster, {})); }

// Two machines of 4 GPUs: 4 workers inside train 4 a second, 8 across train 2.
TEST(LargestPlacement, StaysOnOneMachineWhereThatIsFaster) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const auto placed = largest_placement(free_of(cluster), table_job(), 100);
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(*placed, (Allocation{{MachineId(0u), 4, 0}}));
}

// Eight machines of 1 GPU: 1 inside trains 1 a second, 8 across train 2.
TEST(LargestPlacement, SpreadsWhereThatIsFaster) {
  const Cluster cluster = cluster_of(8, {{"gpu", 1}});
  const auto placed = largest_placement(free_of(cluster), table_job(), 100);
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(tasks_of(*placed).workers, 8);
  EXPECT_DOUBLE_EQ(rate_of(table_job(), *placed, cluster), 2);
}

TEST(LargestPlacement, TakesNoMoreWorkersThanTheRateNeeds) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const auto placed = largest_placement(free_of(cluster), table_job(), 2);
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(tasks_of(*placed).workers, 2);
}

TEST(LargestPlacement, GivesNothingWhereNotEvenTheSmallestSizeFits) {
  const Cluster cluster = cluster_of(1, {{"gpu", 2}});
  EXPECT_FALSE(largest_placement(free_of(cluster), gang("a", 0, 3, 10), 1).has_value());
}

}  // namespace
}  // namespace bourse
