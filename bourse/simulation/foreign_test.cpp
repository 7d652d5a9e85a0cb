// A policy that is not trusted: what it does wrong ends the run with one error, and no defect.

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

/// Answers with what it was made with.
class Answering final : public ForeignPolicy {
 public:
  explicit Answering(Result<Decision> answer) : answer_(std::move(answer)) {}
  Result<Decision> decide(const ClusterState&, const Event&) override { return answer_; }

 private:
  Result<Decision> answer_;
};

std::string message_for(Result<Decision> answer) {
  const Instance instance =
      testing::instance_of(testing::cluster_of(1, {{"gpu", 2}}), {testing::gang("a", 3, 2, 9)});
  Answering policy(std::move(answer));
  const auto result = simulate(instance, policy);
  return result ? "ran" : result.error().message;
}

TEST(ForeignPolicy, EndsTheRunWithTheTimeAndTheEvent) {
  EXPECT_EQ(message_for(fail(ErrorCode::unavailable, "it is gone")),
            "at 3s, when job 0 'a' arrived: it is gone");
  EXPECT_EQ(
      message_for(Decision{.changes = {{JobId(0U), {{MachineId(0U), 3, 0}}}}}),
      "at 3s, when job 0 'a' arrived: job 0 'a' on machine 0 'machine-0': needs 3 gpu and 2 of "
      "2 are free");
  EXPECT_EQ(message_for(Decision{.changes = {{JobId(8U), {}}}}),
            "at 3s, when job 0 'a' arrived: there is no job 8");
}

TEST(ForeignPolicy, MayNotStopTime) {
  EXPECT_EQ(
      message_for(Decision{.wake_at = Seconds(3)}),
      "at 3s, when the policy was woken: it wants to be woken at once for the 10001th time, so "
      "time cannot move on");
}

TEST(ForeignPolicy, RunsWhenItsDecisionsFit) { EXPECT_EQ(message_for(Decision{}), "ran"); }

}  // namespace
}  // namespace bourse
