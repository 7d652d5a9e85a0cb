#include "bourse/policy/gavel.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

std::vector<double> shares_of(const Cluster& cluster, const std::vector<JobSpec>& jobs,
                              GavelObjective objective) {
  ClusterState state(cluster, jobs);
  for (std::size_t i = 0; i < jobs.size(); ++i) state.arrive(JobId(i));
  return gavel_shares(state, GavelRates(state), objective, std::vector<GavelHistory>(jobs.size()));
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-6) << i;
}

/// One machine of 1 GPU at speed 2 and one at speed 1.
Cluster fast_and_slow() {
  Cluster cluster = cluster_of(2, {{"gpu", 1}});
  cluster.classes.push_back(cluster.classes[0]);
  cluster.classes[0].speed = 2;
  cluster.machines[1].class_index = 1;
  return cluster;
}

// 2 GPUs, jobs of 1, 1 and 2 GPUs. Isolated: a third of the 2 GPUs each, which is .667 of the time
// for one GPU and .333 for two. Max-min makes GPUs x time equal: 3 s = 2, the same.
TEST(GavelShares, AreTheSameIsolatedAndMaxMinOnOneClass) {
  const Cluster cluster = cluster_of(1, {{"gpu", 2}});
  const std::vector<JobSpec> jobs{gang("a", 0, 1, 9), gang("b", 0, 1, 9), gang("c", 0, 2, 9)};
  const std::vector<double> expected{2.0 / 3, 2.0 / 3, 1.0 / 3};
  expect_near(shares_of(cluster, jobs, GavelObjective::isolated), expected);
  expect_near(shares_of(cluster, jobs, GavelObjective::max_min), expected);
}

// Isolated, two jobs have half of each machine. Three jobs that can only be on one at a time: a
// third of each. One job: all of both would be twice its time, so half of it on each.
TEST(GavelShares, IsolatedAreAnEqualPartOfEveryClass) {
  const JobSpec job = gang("a", 0, 1, 9);
  expect_near(shares_of(fast_and_slow(), {job}, GavelObjective::isolated), {0.5, 0.5});
  expect_near(shares_of(fast_and_slow(), {job, job}, GavelObjective::isolated),
              {0.5, 0.5, 0.5, 0.5});
}

// Work left 30 and 10 on one GPU: all is done at 40 at the earliest, with shares 3/4 and 1/4.
TEST(GavelShares, OfMakespanAreAsTheWorkThatIsLeft) {
  const Cluster cluster = cluster_of(1, {{"gpu", 1}});
  expect_near(
      shares_of(cluster, {gang("a", 0, 1, 30), gang("b", 0, 1, 10)}, GavelObjective::makespan),
      {0.75, 0.25});
}

// Two newcomers of 30 and 10 s alone, on half a GPU 60 and 20: fair is the same part of both.
TEST(GavelShares, OfFinishTimeFairnessAreEqualForEqualAges) {
  const Cluster cluster = cluster_of(1, {{"gpu", 1}});
  expect_near(shares_of(cluster, {gang("a", 0, 1, 30), gang("b", 0, 1, 10)},
                        GavelObjective::finish_time_fairness),
              {0.5, 0.5});
}

// A gang of 2 fits neither class alone.
TEST(GavelShares, SeeWhatFitsNoClassAlone) {
  const Cluster cluster = fast_and_slow();
  const std::vector<JobSpec> jobs{gang("a", 0, 2, 9), gang("b", 0, 1, 9)};
  ClusterState state(cluster, jobs);
  for (const std::uint32_t i : {0U, 1U}) state.arrive(JobId(i));
  const GavelRates rates(state);
  EXPECT_FALSE(rates.fits_a_class(0));
  EXPECT_TRUE(rates.fits_a_class(1));
  EXPECT_EQ(rates.rate(1, 0), 2);
  EXPECT_EQ(rates.rate(1, 1), 1);
  EXPECT_EQ(rates.part_of(0), 0.5);
}

}  // namespace
}  // namespace bourse
