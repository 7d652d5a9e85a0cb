#include "bourse/policy/ledger.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

TEST(Ledger, BooksAndReleasesWithoutATrace) {
  const Cluster cluster = cluster_of(3, {{"gpu", 8}});
  Ledger ledger(cluster);
  const JobSpec job = gang("a", 0, 5, 10);
  const Allocation allocation{{MachineId(1u), 3, 0}, {MachineId(2u), 2, 0}};
  ledger.book(4, job, allocation, +1);
  EXPECT_EQ(ledger.end(), 5);
  EXPECT_EQ(ledger.groups(4).size(), 3u);
  EXPECT_EQ(ledger.groups(3).size(), 1u);
  EXPECT_EQ(ledger.state(ledger.states(4)[1]).residual[0], 5000);
  ledger.book(4, job, allocation, -1);
  ASSERT_EQ(ledger.groups(4).size(), 1u);
  EXPECT_EQ(ledger.groups(4)[0].machines, 3u);
  EXPECT_EQ(ledger.states(4)[1], ledger.states(100)[1]);
}

TEST(Ledger, GroupsMachinesInTheSameStateUnderOneId) {
  const Cluster cluster = cluster_of(4, {{"gpu", 8}});
  Ledger ledger(cluster);
  const JobSpec job = gang("a", 0, 2, 10);
  for (const std::uint32_t h : {0u, 3u}) {
    const TaskGroup group{MachineId(h), 2, 0};
    ledger.book(0, job, {&group, 1}, +1);
  }
  ASSERT_EQ(ledger.groups(0).size(), 2u);
  EXPECT_EQ(ledger.groups(0)[0].machines, 2u);
  EXPECT_EQ(ledger.groups(0)[1].machines, 2u);
  EXPECT_EQ(ledger.states(0)[0], ledger.states(0)[3]);
}

TEST(Ledger, ForgetsThePastAndKeepsTheFuture) {
  const Cluster cluster = cluster_of(1, {{"gpu", 8}});
  Ledger ledger(cluster);
  const TaskGroup group{MachineId(0u), 1, 0};
  ledger.book(7, gang("a", 0, 1, 10), {&group, 1}, +1);
  ledger.forget_before(6);
  EXPECT_EQ(ledger.state(ledger.states(7)[0]).used[0], 1000);
  ledger.forget_before(20);
  EXPECT_EQ(ledger.end(), 20);
  EXPECT_EQ(ledger.state(ledger.states(20)[0]).used[0], 0);
}

TEST(Ledger, HasNoRoomOnAMachineThatIsDown) {
  const Cluster cluster = cluster_of(2, {{"gpu", 8}});
  Ledger ledger(cluster);
  ledger.set_down(MachineId(0u), true);
  EXPECT_LT(ledger.state(ledger.states(50)[0]).residual[0], 0);
  ledger.set_down(MachineId(0u), false);
  EXPECT_EQ(ledger.state(ledger.states(50)[0]).residual[0], 8000);
}

// Weeks of ten-minute slots: one run before the job, one of it, one after.
TEST(Ledger, TakesAsMuchForAHundredThousandSlotsAsForOne) {
  const Cluster cluster = cluster_of(2, {{"gpu", 8}});
  Ledger ledger(cluster);
  const TaskGroup group{MachineId(0u), 3, 0};
  ledger.book(10, 100'000, gang("a", 0, 3, 10), {&group, 1}, +1);
  EXPECT_EQ(ledger.run_count(), 3u);
  EXPECT_EQ(ledger.run(50'000).first, 10);
  EXPECT_EQ(ledger.run(50'000).end, 100'000);
  EXPECT_EQ(ledger.end(), 100'000);
}

TEST(LedgerDeathTest, StopsAtOverbooking) {
  const Cluster cluster = cluster_of(1, {{"gpu", 2}});
  Ledger ledger(cluster);
  const TaskGroup group{MachineId(0u), 3, 0};
  EXPECT_DEATH(ledger.book(0, gang("a", 0, 3, 10), {&group, 1}, +1), "residual");
}

}  // namespace
}  // namespace bourse
