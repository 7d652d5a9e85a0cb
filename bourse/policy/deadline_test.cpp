#include "bourse/policy/deadline.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

Deadline of(Utility utility) {
  return deadline_of(testing::gang("a", 100, 1, 1, std::move(utility)));
}

TEST(DeadlineOf, ReadsEachKindOfUtility) {
  EXPECT_EQ(of(ConstantUtility{5}).time, kForever);
  EXPECT_EQ(of(SigmoidUtility{5, 0.1, Seconds(30)}).time, Seconds(130));
  EXPECT_FALSE(of(SigmoidUtility{5, 0.1, Seconds(30)}).is_hard);
  EXPECT_EQ(of(SigmoidUtility{5, 0, Seconds(30)}).time, kForever) << "worth the same at all times";
  EXPECT_EQ(of(DeadlineUtility{5, Seconds(30), 0}).time, Seconds(130));
  EXPECT_TRUE(of(DeadlineUtility{5, Seconds(30), 0}).is_hard);
  EXPECT_FALSE(of(DeadlineUtility{5, Seconds(30), 2}).is_hard);
  EXPECT_EQ(of(DeadlineUtility{5, Seconds(30), 5}).time, kForever) << "nothing is lost";
  EXPECT_EQ(of(LinearDecayUtility{5, Seconds(10), Seconds(40)}).time, Seconds(140));
  EXPECT_TRUE(of(LinearDecayUtility{5, Seconds(10), Seconds(40)}).is_hard);
}

TEST(DeadlineOf, IsWherePointsComeToRest) {
  const auto points = [](double rest) {
    return PiecewiseLinearUtility{
        {{Seconds(0), 4}, {Seconds(20), 3}, {Seconds(50), rest}, {Seconds(90), rest}}};
  };
  EXPECT_EQ(of(points(0)).time, Seconds(150));
  EXPECT_TRUE(of(points(0)).is_hard);
  EXPECT_EQ(of(points(1)).time, Seconds(150));
  EXPECT_FALSE(of(points(1)).is_hard);
  EXPECT_EQ(of(PiecewiseLinearUtility{{{Seconds(3), 2}}}).time, kForever);
}

}  // namespace
}  // namespace bourse
