#include "bourse/policy/resizing.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

const MachineId kFirst(0u);
const MachineId kSecond(1u);

JobSpec job_with_servers() {
  JobSpec job = gang("ps", 0, 1, 100);
  job.server = amounts({1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(1),
                                             .gradient = Bytes(0),
                                             .workers_per_server = 2,
                                             .global_batch = 9,
                                             .rate_inside = BytesPerSecond(1),
                                             .rate_across = BytesPerSecond(1)};
  return job;
}

TEST(Shrunk, TakesTasksFromTheMachineWithFewest) {
  const Allocation held{{kFirst, 3, 1}, {kSecond, 2, 1}};
  EXPECT_EQ(shrunk(held, {3, 1}), (Allocation{{kFirst, 3, 1}}));
  EXPECT_EQ(shrunk(held, {4, 2}), (Allocation{{kFirst, 3, 1}, {kSecond, 1, 1}}));
  EXPECT_TRUE(shrunk(held, {0, 0}).empty());
}

// 1 worker and 1 server on a machine of 4: worker 2 needs no server, worker 3 brings one, which
// finds room on the other machine only; worker 4 needs none.
TEST(Grown, StaysNearAndBringsServersAlong) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const std::vector<JobSpec> jobs{job_with_servers()};
  const ClusterState state(cluster, jobs);
  FreeCapacity free(state);
  const Allocation held{{kFirst, 1, 1}};
  EXPECT_EQ(grown(free, jobs[0], held, 2), (Allocation{{kFirst, 2, 1}}));
  EXPECT_EQ(grown(free, jobs[0], held, 4), (Allocation{{kFirst, 3, 1}, {kSecond, 1, 1}}));
  EXPECT_EQ(free.of(kFirst)[0], 4000) << "nothing stays taken";
}

// 8 GPUs hold 5 workers and 3 servers.
TEST(Grown, EndsWhereThereIsNoRoom) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const std::vector<JobSpec> jobs{job_with_servers()};
  const ClusterState state(cluster, jobs);
  FreeCapacity free(state);
  EXPECT_EQ(tasks_of(grown(free, jobs[0], {{kFirst, 1, 1}}, 9)), (TaskCounts{5, 3}));
}

}  // namespace
}  // namespace bourse
