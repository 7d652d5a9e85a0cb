#include "bourse/policy/state.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

constexpr JobId kA{0u};
constexpr JobId kB{1u};
constexpr JobId kC{2u};
constexpr MachineId kFirstMachine{0u};
constexpr MachineId kSecondMachine{1u};

/// Two machines of 4 GPUs; three gangs of 2 workers and 100 s.
struct StateSetting {
  Cluster cluster = cluster_of(2, {{"gpu", 4}});
  std::vector<JobSpec> jobs{gang("a", 0, 2, 100), gang("b", 0, 2, 100), gang("c", 0, 2, 100)};
  ClusterState state{cluster, jobs};

  void run(JobId id, Allocation allocation, double at, double startup = 0) {
    state.set_now(Seconds(at));
    state.allocate(id, std::move(allocation), 1, Seconds(startup));
  }
};

TEST(ClusterState, TakesAndGivesBackAmounts) {
  StateSetting s;
  s.state.arrive(kA);
  EXPECT_EQ(s.state.free(kFirstMachine)[0], 4000);
  s.run(kA, {{kFirstMachine, 1, 0}, {kSecondMachine, 1, 0}}, 0);
  EXPECT_EQ(s.state.free(kFirstMachine)[0], 3000);
  EXPECT_EQ(s.state.free(kSecondMachine)[0], 3000);
  s.run(kA, {{kSecondMachine, 2, 0}}, 5);
  EXPECT_EQ(s.state.free(kFirstMachine)[0], 4000);
  EXPECT_EQ(s.state.free(kSecondMachine)[0], 2000);
  s.state.leave(kA, JobStatus::finished);
  EXPECT_EQ(s.state.free(kSecondMachine)[0], 4000);
  EXPECT_EQ(s.state.job(kA).samples_done, 100);
  EXPECT_TRUE(s.state.active().empty());
}

// c arrives at 1; a runs from 1 and is paused at 2, so it has waited less long than b and c.
TEST(ClusterState, ListsWhoWaitsLongestFirstAndWhoRuns) {
  StateSetting s;
  s.state.arrive(kA);
  s.state.arrive(kB);
  s.state.set_now(Seconds(1));
  s.state.arrive(kC);
  EXPECT_EQ(s.state.waiting(), (std::vector<JobId>{kA, kB, kC}));
  s.run(kA, {{kFirstMachine, 2, 0}}, 1);
  EXPECT_EQ(s.state.waiting(), (std::vector<JobId>{kB, kC}));
  EXPECT_EQ(s.state.running(), (std::vector<JobId>{kA}));
  s.run(kA, {}, 2);
  EXPECT_EQ(s.state.waiting(), (std::vector<JobId>{kB, kC, kA}));
  ASSERT_EQ(waiting_since_now(s.state).size(), 1u);
  EXPECT_FALSE(is_newcomer(s.state, kA));
  s.state.leave(kB, JobStatus::declined);
  EXPECT_EQ(s.state.waiting(), (std::vector<JobId>{kC, kA}));
  EXPECT_TRUE(s.state.running().empty());
}

TEST(ClusterState, OffersNothingOnAMachineThatIsDown) {
  StateSetting s;
  s.state.set_up(kFirstMachine, false);
  EXPECT_FALSE(s.state.is_up(kFirstMachine));
  EXPECT_EQ(s.state.free(kFirstMachine)[0], -1);
  EXPECT_TRUE(s.state.is_up(kSecondMachine));
  s.state.set_up(kFirstMachine, true);
  EXPECT_EQ(s.state.free(kFirstMachine)[0], 4000);
}

// 2 samples a second from 10 s on, 5 s of which start up: at 12 nothing, at 20 ten samples.
TEST(ClusterState, CountsWorkOnlyAfterTheStartup) {
  StateSetting s;
  s.state.arrive(kA);
  s.state.set_now(Seconds(10));
  s.state.allocate(kA, {{kFirstMachine, 2, 0}}, 2, Seconds(5));
  s.state.set_now(Seconds(12));
  EXPECT_EQ(s.state.samples_done(kA), 0);
  EXPECT_EQ(s.state.samples_left(kA), 100);
  s.state.set_now(Seconds(20));
  EXPECT_EQ(s.state.samples_done(kA), 10);
  EXPECT_EQ(s.state.samples_left(kA), 90);
  s.state.set_now(Seconds(1000));
  EXPECT_EQ(s.state.samples_left(kA), 0);
}

TEST(ClusterState, KeepsWorkAcrossAPauseUntilItIsRolledBack) {
  StateSetting s;
  s.state.arrive(kA);
  s.run(kA, {{kFirstMachine, 2, 0}}, 0);
  s.run(kA, {}, 30);
  s.state.set_now(Seconds(50));
  EXPECT_EQ(s.state.job(kA).status, JobStatus::waiting);
  EXPECT_EQ(s.state.samples_done(kA), 30);
  EXPECT_EQ(s.state.job(kA).attained, Seconds(30));
  s.state.roll_back(kA, 20);
  EXPECT_EQ(s.state.samples_done(kA), 20);
  s.state.roll_back(kA, 60);  // A checkpoint is never ahead of the work.
  EXPECT_EQ(s.state.samples_done(kA), 20);
}

// Start, move, pause, resume: the move and the resume are restarts. A change at the instant of the
// start is none, for nothing has run yet.
TEST(ClusterState, CountsMovesAndResumesAsRestarts) {
  StateSetting s;
  s.state.arrive(kA);
  s.run(kA, {{kFirstMachine, 2, 0}}, 0);
  s.run(kA, {{kSecondMachine, 2, 0}}, 0);
  EXPECT_EQ(s.state.job(kA).restarts, 0u);
  s.run(kA, {{kFirstMachine, 2, 0}}, 10);
  EXPECT_EQ(s.state.job(kA).restarts, 1u);
  s.run(kA, {}, 20);
  EXPECT_EQ(s.state.job(kA).restarts, 1u);
  s.run(kA, {{kFirstMachine, 2, 0}}, 30);
  EXPECT_EQ(s.state.job(kA).restarts, 2u);
}

TEST(ClusterState, OrdersActiveJobsByArrivalThenId) {
  StateSetting s;
  s.jobs[2].arrival = Seconds(-1);
  for (const JobId id : {kB, kA, kC}) s.state.arrive(id);
  EXPECT_EQ(s.state.active(), (std::vector<JobId>{kC, kA, kB}));
  EXPECT_EQ(s.state.waiting_count(), 3u);
  s.run(kA, {{kFirstMachine, 2, 0}}, 0);
  EXPECT_EQ(s.state.waiting_count(), 2u);
  s.state.leave(kC, JobStatus::declined);
  EXPECT_EQ(s.state.active(), (std::vector<JobId>{kA, kB}));
  EXPECT_EQ(s.state.waiting_count(), 1u);
  EXPECT_EQ(s.state.job(kC).status, JobStatus::declined);
}

TEST(ClusterStateDeathTest, StopsAtOverAllocation) {
  StateSetting s;
  for (const JobId id : {kA, kB, kC}) s.state.arrive(id);
  s.run(kA, {{kFirstMachine, 2, 0}}, 0);
  s.run(kB, {{kFirstMachine, 2, 0}}, 0);
  EXPECT_DEATH(s.run(kC, {{kFirstMachine, 1, 0}}, 0), "free");
}

TEST(ClusterStateDeathTest, StopsAtWorkOnAMachineThatIsDown) {
  StateSetting s;
  s.state.arrive(kA);
  s.state.set_up(kFirstMachine, false);
  EXPECT_DEATH(s.run(kA, {{kFirstMachine, 1, 0}}, 0), "free");
}

TEST(ClusterStateDeathTest, StopsIfAMachineInUseGoesDown) {
  StateSetting s;
  s.state.arrive(kA);
  s.run(kA, {{kFirstMachine, 2, 0}}, 0);
  EXPECT_DEATH(s.state.set_up(kFirstMachine, false), "capacity");
}

TEST(ClusterStateDeathTest, StopsIfAJobArrivesTwiceOrRunsBeforeItArrives) {
  StateSetting s;
  s.state.arrive(kA);
  EXPECT_DEATH(s.state.arrive(kA), "pending");
  EXPECT_DEATH(s.run(kB, {{kFirstMachine, 2, 0}}, 0), "waiting");
}

}  // namespace
}  // namespace bourse
