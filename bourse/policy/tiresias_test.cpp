#include "bourse/policy/tiresias.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

// S = {4, 8, 12}, D = 4. a = 0: one of three ends within 4, spending 4 + 4 + 4: 1 / 12.
// a = 4: one of {8, 12} ends, spending 4 + 4: 1 / 8. a = 8: {12} ends, spending 4: 1 / 4.
TEST(GittinsTable, GivesTheChanceOfAnEndPerUnitOfService) {
  GittinsTable table;
  for (const double size : {12.0, 4.0, 8.0}) table.add(size);
  EXPECT_DOUBLE_EQ(table.index(0, 4), 1.0 / 12);
  EXPECT_DOUBLE_EQ(table.index(4, 4), 1.0 / 8);
  EXPECT_DOUBLE_EQ(table.index(8, 4), 1.0 / 4);
}

TEST(GittinsTable, IsZeroWhereNoJobCameSoFar) {
  GittinsTable table;
  EXPECT_EQ(table.index(0, 4), 0);
  table.add(5);
  EXPECT_EQ(table.index(5, 4), 0);
  EXPECT_EQ(table.index(6, 4), 0);
}

TEST(GittinsTable, SeesWhatIsAddedLater) {
  GittinsTable table;
  table.add(4);
  EXPECT_DOUBLE_EQ(table.index(0, 4), 1.0 / 4);
  table.add(8);
  EXPECT_DOUBLE_EQ(table.index(0, 4), 1.0 / 8);
}

TEST(Tiresias, IsRefusedThresholdsThatDoNotRise) {
  const auto refusal = [](const std::string& text) {
    const auto made = make_policy("tiresias", {{"thresholds", text}}, {});
    return made ? "made" : made.error().message;
  };
  const auto message = [](const std::string& text) {
    return "setting 'tiresias.thresholds': '" + text +
           "' is neither none nor rising numbers from 0.001 on, such as 3250,7200";
  };
  for (const std::string bad : {"", "3,3", "0", "1,x", "5,4", "1,"})
    EXPECT_EQ(refusal(bad), message(bad));
  EXPECT_EQ(refusal("1e-300"), message("1e-300"));
  EXPECT_EQ(refusal("none"), "made");
  EXPECT_EQ(refusal("1, 2.5"), "made");
}

// One GPU, threshold 4 GPU-seconds: the running job crosses it at 4, no sooner and no later.
TEST(Tiresias, AsksToBeWokenWhenTheRunningJobCrossesAThreshold) {
  const Cluster cluster = cluster_of(1, {{"gpu", 1}});
  const std::vector<JobSpec> jobs{gang("a", 0, 1, 9), gang("b", 1, 1, 9)};
  ClusterState state(cluster, jobs);
  TiresiasPolicy policy({.thresholds = {4}});
  state.arrive(JobId(0u));
  Decision decision = policy.decide(state, {.kind = EventKind::arrival, .job = JobId(0u)});
  EXPECT_EQ(decision.wake_at, kForever) << "nobody waits";
  state.allocate(JobId(0u), decision.changes.at(0).allocation, 1, Seconds(0));
  state.set_now(Seconds(1));
  state.arrive(JobId(1u));
  decision = policy.decide(state, {.kind = EventKind::arrival, .job = JobId(1u)});
  EXPECT_TRUE(decision.changes.empty());
  EXPECT_EQ(decision.wake_at, Seconds(4));
  EXPECT_EQ(decision.reasons.at(0).code, ReasonCode::no_room);
}

}  // namespace
}  // namespace bourse
