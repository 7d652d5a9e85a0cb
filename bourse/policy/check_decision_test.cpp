#include "bourse/policy/check_decision.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

/// Two machines of 4 GPUs, the second down; job 0 holds 3 GPUs of the first, 1 waits, 2 is to come,
/// 3 was declined.
struct CheckDecision : ::testing::Test {
  Cluster cluster = cluster_of(2, {{"gpu", 4}});
  std::vector<JobSpec> jobs{gang("a", 0, 3, 9), gang("b", 0, 4, 9), gang("c", 5, 1, 9),
                            gang("d", 0, 1, 9)};
  ClusterState state{cluster, jobs};

  void SetUp() override {
    state.set_now(Seconds(2));
    for (const std::uint32_t i : {0U, 1U, 3U}) state.arrive(JobId(i));
    state.allocate(JobId(0U), {{MachineId(0U), 3, 0}}, 1, Seconds(0));
    state.leave(JobId(3U), JobStatus::declined);
    state.set_up(MachineId(1U), false);
  }

  [[nodiscard]] std::string refusal(const Decision& decision) const {
    const auto checked = check_decision(state, decision);
    return checked ? "taken" : checked.error().message;
  }
  static Change change(std::uint32_t job, Allocation allocation) {
    return {JobId(job), std::move(allocation)};
  }
};

TEST_F(CheckDecision, TakesWhatFitsAfterTheReleases) {
  EXPECT_EQ(refusal({}), "taken");
  EXPECT_EQ(refusal({.changes = {change(1, {{MachineId(0U), 4, 0}}), change(0, {})}}), "taken");
  EXPECT_EQ(refusal({.changes = {change(0, {})}, .declined = {JobId(0U)}}), "taken");
}

TEST_F(CheckDecision, NamesTheJobAndTheMachineThatIsOverCommitted) {
  EXPECT_EQ(refusal({.changes = {change(1, {{MachineId(0U), 4, 0}})}}),
            "job 1 'b' on machine 0 'machine-0': needs 4 gpu and 1 of 4 are free");
  EXPECT_EQ(refusal({.changes = {change(1, {{MachineId(0U), kMaxWorkers, 0}})}}),
            "job 1 'b' on machine 0 'machine-0': needs 1000000 gpu and 1 of 4 are free");
}

TEST_F(CheckDecision, RefusesMachinesThatAreNotThereOrDownOrTwice) {
  EXPECT_EQ(refusal({.changes = {change(1, {{MachineId(7U), 1, 0}})}}),
            "job 1 'b': there is no machine 7");
  EXPECT_EQ(refusal({.changes = {change(1, {{MachineId(1U), 1, 0}})}}),
            "job 1 'b' on machine 1 'machine-1': the machine is down");
  EXPECT_EQ(refusal({.changes = {change(1, {{MachineId(0U), 1, 0}, {MachineId(0U), 1, 0}})}}),
            "job 1 'b': machine 0 'machine-0' is named twice or out of order");
  EXPECT_EQ(
      refusal({.changes = {change(1, {{MachineId(0U), 0, 0}})}}),
      "job 1 'b' on machine 0 'machine-0': 0 workers and 0 servers; there must be some, up to "
      "1000000");
}

TEST_F(CheckDecision, RefusesJobsThatAreNotActive) {
  EXPECT_EQ(refusal({.changes = {change(9, {})}}), "there is no job 9");
  EXPECT_EQ(refusal({.changes = {change(2, {})}}), "job 2 has not arrived yet");
  EXPECT_EQ(refusal({.declined = {JobId(3U)}}), "job 3 'd' is over");
  EXPECT_EQ(refusal({.changes = {change(1, {}), change(1, {})}}), "job 1 'b' is named twice");
  EXPECT_EQ(refusal({.declined = {JobId(1U), JobId(1U)}}), "job 1 'b' is named twice");
  EXPECT_EQ(refusal({.declined = {JobId(0U)}}),
            "job 0 'a' cannot be declined while it holds machines; release them first");
}

TEST_F(CheckDecision, RefusesBatchesThatAJobCannotHave) {
  jobs[1].throughput = AdaptiveThroughput{
      .base_batch = 10, .requested_batch = 10, .max_workers = 4, .max_learning_rate = 4};
  const auto with_batch = [](std::uint32_t job, Allocation allocation, int batch) {
    return Decision{.changes = {{JobId(job), std::move(allocation), batch}}};
  };
  const Allocation one{{MachineId(0U), 1, 0}};
  EXPECT_EQ(refusal(with_batch(1, one, 40)), "taken");
  EXPECT_EQ(refusal(with_batch(1, one, 41)),
            "job 1 'b' has a batch of 41; it may be from 10 to 40");
  EXPECT_EQ(refusal(with_batch(1, one, 9)), "job 1 'b' has a batch of 9; it may be from 10 to 40");
  EXPECT_EQ(refusal(with_batch(0, {}, 8)),
            "job 0 'a' has a batch of 8, and only jobs of the shape 'adaptive' may have one");
}

TEST_F(CheckDecision, RefusesToWakeInThePast) {
  EXPECT_EQ(refusal({.wake_at = Seconds(1)}), "it wants to be woken at 1s, which is past");
  EXPECT_EQ(refusal({.wake_at = Seconds(2)}), "taken");
}

}  // namespace
}  // namespace bourse
