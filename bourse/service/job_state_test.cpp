#include "bourse/service/job_state.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

using enum JobPhase;

TEST(JobPhase, HasANameThatReadsBack) {
  for (int i = 0; i < kJobPhaseCount; ++i) {
    const auto phase = static_cast<JobPhase>(i);
    EXPECT_EQ(parse_job_phase(name_of(phase)), phase);
  }
  EXPECT_FALSE(parse_job_phase("sleeping").has_value());
}

TEST(JobPhase, NeverFollowsAnEnd) {
  for (const JobPhase end : {finished, declined, cancelled, failed}) {
    EXPECT_TRUE(is_end(end));
    for (int i = 0; i < kJobPhaseCount; ++i)
      EXPECT_FALSE(may_follow(end, static_cast<JobPhase>(i)));
  }
}

TEST(JobPhase, MayBeCancelledOrFailAtAnyTime) {
  for (const JobPhase phase : {waiting, starting, running, pausing, backing_off}) {
    EXPECT_FALSE(is_end(phase));
    EXPECT_TRUE(may_follow(phase, cancelled));
    EXPECT_TRUE(may_follow(phase, failed));
  }
}

TEST(JobPhase, StartsAnewOnlyThroughWaiting) {
  EXPECT_TRUE(may_follow(waiting, starting));
  for (const JobPhase phase : {running, pausing, backing_off})
    EXPECT_FALSE(may_follow(phase, starting));
  EXPECT_TRUE(may_follow(pausing, waiting));
  EXPECT_TRUE(may_follow(backing_off, waiting));
}

TEST(JobPhase, IsDeclinedOnlyWithoutTasks) {
  EXPECT_TRUE(may_follow(waiting, declined));
  EXPECT_TRUE(may_follow(backing_off, declined));
  for (const JobPhase phase : {starting, running}) EXPECT_FALSE(may_follow(phase, declined));
}

}  // namespace
}  // namespace bourse
