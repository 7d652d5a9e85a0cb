#include "bourse/policy/repacking.h"

#include <gtest/gtest.h>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

/// Jobs with so many workers of one GPU, all arrived.
struct Setting {
  Cluster cluster;
  std::vector<JobSpec> jobs;
  ClusterState state;

  Setting(Cluster c, const std::vector<int>& workers)
      : cluster(std::move(c)), jobs(gangs(workers)), state(cluster, jobs) {
    for (std::size_t i = 0; i < jobs.size(); ++i) state.arrive(JobId(i));
  }
  void run(std::uint32_t job, Allocation allocation) {
    state.allocate(JobId(job), std::move(allocation), 1, Seconds(0));
  }
  static std::vector<JobSpec> gangs(const std::vector<int>& workers) {
    std::vector<JobSpec> jobs;
    for (const int n : workers) jobs.push_back(gang("j", 0, n, 10));
    return jobs;
  }
};

ReasonCode reason_of(const Decision& decision, std::uint32_t job) {
  for (const Reason& reason : decision.reasons)
    if (reason.job == JobId(job)) return reason.code;
  ADD_FAILURE() << "no reason for job " << job;
  return ReasonCode::admitted;
}

TEST(Repacking, LeavesRunningJobsWhereTheyAre) {
  Setting s(cluster_of(2, {{"gpu", 4}}), {2, 2});
  s.run(0, {{MachineId(1u), 2, 0}});
  Repacking repacking(s.state);
  EXPECT_TRUE(repacking.try_run(JobId(0u), {2, 0}));
  EXPECT_TRUE(repacking.try_run(JobId(1u), {2, 0}));
  const Decision decision = repacking.decision();
  ASSERT_EQ(decision.changes.size(), 1u);
  EXPECT_EQ(decision.changes[0].job, JobId(1u));
  EXPECT_EQ(reason_of(decision, 1), ReasonCode::started);
}

// The newcomer comes first and machine 0 is tightest once job 1 gives way, but machine 1 is calm.
TEST(Repacking, UsesCalmRoomBeforeItDisturbsAnyone) {
  Setting s(cluster_of(2, {{"gpu", 4}}), {2, 4});
  s.run(1, {{MachineId(0u), 4, 0}});
  Repacking repacking(s.state);
  EXPECT_TRUE(repacking.try_run(JobId(0u), {2, 0}));
  EXPECT_TRUE(repacking.try_run(JobId(1u), {4, 0}));
  const Decision decision = repacking.decision();
  ASSERT_EQ(decision.changes.size(), 1u);
  EXPECT_EQ(decision.changes[0].allocation, (Allocation{{MachineId(1u), 2, 0}}));
}

// Job 0 needs a whole machine and both hold something: the later job moves out of its way.
TEST(Repacking, MovesARunningJobOnlyForAnEarlierOne) {
  Setting s(cluster_of(2, {{"gpu", 4}}), {6, 2});
  s.run(1, {{MachineId(0u), 1, 0}, {MachineId(1u), 1, 0}});
  Repacking repacking(s.state);
  EXPECT_TRUE(repacking.try_run(JobId(0u), {6, 0}));  // 3 + 3 beside job 1.
  EXPECT_TRUE(repacking.try_run(JobId(1u), {2, 0}));
  EXPECT_EQ(repacking.decision().changes.size(), 1u);

  s.jobs[0].worker = amounts({4});
  Repacking large(s.state);
  EXPECT_TRUE(large.try_run(JobId(0u), {1, 0}));
  EXPECT_TRUE(large.try_run(JobId(1u), {2, 0}));
  const Decision decision = large.decision();
  ASSERT_EQ(decision.changes.size(), 2u);
  EXPECT_EQ(decision.changes[0].allocation, (Allocation{{MachineId(0u), 1, 0}}));
  EXPECT_EQ(decision.changes[1].allocation, (Allocation{{MachineId(1u), 2, 0}}));
  EXPECT_EQ(reason_of(decision, 1), ReasonCode::resized);
}

TEST(Repacking, PausesWhoComesTooLateAndSaysWhy) {
  Setting s(cluster_of(1, {{"gpu", 4}}), {4, 2, 3});
  s.run(1, {{MachineId(0u), 2, 0}});
  Repacking repacking(s.state);
  EXPECT_TRUE(repacking.try_run(JobId(0u), {4, 0}));
  EXPECT_FALSE(repacking.try_run(JobId(1u), {2, 0}));
  const Decision decision = repacking.decision();  // Job 2 was not even tried.
  ASSERT_EQ(decision.changes.size(), 2u);
  EXPECT_TRUE(decision.changes[1].allocation.empty());
  EXPECT_EQ(reason_of(decision, 1), ReasonCode::preempted);
  EXPECT_EQ(reason_of(decision, 2), ReasonCode::no_room);
}

TEST(Repacking, ResizesInPlaceOfWhatTheJobHolds) {
  Setting s(cluster_of(1, {{"gpu", 4}}), {4});
  s.run(0, {{MachineId(0u), 3, 0}});
  Repacking repacking(s.state);
  EXPECT_TRUE(repacking.try_run(JobId(0u), {4, 0}));
  const Decision decision = repacking.decision();
  ASSERT_EQ(decision.changes.size(), 1u);
  EXPECT_EQ(decision.changes[0].allocation, (Allocation{{MachineId(0u), 4, 0}}));
  EXPECT_EQ(reason_of(decision, 0), ReasonCode::resized);
}

TEST(FailedDemands, CoverTheSameDemandWithAtLeastAsManyTasks) {
  FailedDemands failed;
  JobSpec job = gang("a", 0, 1, 1);
  EXPECT_FALSE(failed.covers(job, {3, 0}));
  failed.add(job, {3, 0});
  EXPECT_TRUE(failed.covers(job, {3, 0}));
  EXPECT_TRUE(failed.covers(job, {4, 2}));
  EXPECT_FALSE(failed.covers(job, {2, 9}));
  JobSpec other = job;
  other.server = amounts({1});  // Servers did not matter to what failed.
  EXPECT_TRUE(failed.covers(other, {3, 1}));
  other.worker = amounts({2});
  EXPECT_FALSE(failed.covers(other, {3, 0}));
}

TEST(FailedDemands, AskForTheSameServersIfServersFailed) {
  FailedDemands failed;
  const JobSpec job = gang("a", 0, 1, 1);
  failed.add(job, {1, 2});
  JobSpec other = job;
  EXPECT_TRUE(failed.covers(other, {1, 2}));
  EXPECT_FALSE(failed.covers(other, {5, 1}));
  other.server = amounts({1});
  EXPECT_FALSE(failed.covers(other, {1, 2}));
}

}  // namespace
}  // namespace bourse
