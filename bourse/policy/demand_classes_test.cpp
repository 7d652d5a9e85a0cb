#include "bourse/policy/demand_classes.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

// Gangs of 2, 4, 2 and 1 workers: three classes. If 2 workers do not fit, 4 do not either, 1 may.
TEST(OpenDemands, EndsOnceNobodyWhoWaitsCanFit) {
  const Cluster cluster = cluster_of(1, {{"gpu", 8}});
  const std::vector<JobSpec> jobs{gang("a", 0, 2, 1), gang("b", 0, 4, 1), gang("c", 0, 2, 1),
                                  gang("d", 0, 1, 1)};
  ClusterState state(cluster, jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) state.arrive(JobId(i));
  DemandClasses classes;
  OpenDemands open(state, classes);
  EXPECT_EQ(classes.size(), 3u);
  EXPECT_EQ(classes.of(state, JobId(0u)), classes.of(state, JobId(2u)));
  open.fail(classes.of(state, JobId(0u)));
  EXPECT_TRUE(open.has_failed(classes.of(state, JobId(1u))));
  EXPECT_FALSE(open.has_failed(classes.of(state, JobId(3u))));
  EXPECT_TRUE(open.any_waiting());
  open.start(classes.of(state, JobId(3u)));
  EXPECT_FALSE(open.any_waiting());
}

}  // namespace
}  // namespace bourse
