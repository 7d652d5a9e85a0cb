#include "bourse/service/reason.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

TEST(ReasonToldAt, CountsFromNow) {
  const Reason admitted{JobId(std::size_t{0}), ReasonCode::admitted, {50, 3, 47, 124}};
  EXPECT_EQ(reason_told_at(admitted, Seconds(100)),
            "admitted: utility 50 for a price of 3, done within 24.0s");
  const Reason replanned{JobId(std::size_t{0}), ReasonCode::replanned, {3, 124}};
  EXPECT_EQ(reason_told_at(replanned, Seconds(100)), "planned anew, done within 24.0s");
}

TEST(ReasonToldAt, IsThePolicysWhereThereIsNoTimeInIt) {
  const Reason poor{JobId(std::size_t{0}), ReasonCode::waits_for_credit, {47, 50, 3}};
  EXPECT_EQ(reason_told_at(poor, Seconds(100)), reason_text(poor));
}

}  // namespace
}  // namespace bourse
