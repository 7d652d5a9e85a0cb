#include "bourse/model/utility.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bourse {
namespace {

std::string error_of(const Utility& utility) {
  const auto ok = validate(utility);
  return ok ? "no error" : ok.error().message;
}

// 50 / (1 + exp(0.5 (d - 3))): at the midpoint 25; at d = 3 + 2 ln 4, exp(ln 4) = 4 gives 50 / 5 =
// 10; at d = 3 - 2 ln 4, 50 / (1 + 1/4) = 40.
TEST(UtilityAt, SigmoidFallsAroundItsMidpoint) {
  const Utility u = SigmoidUtility{.value = 50, .steepness = 0.5, .midpoint = Seconds(3)};
  EXPECT_DOUBLE_EQ(utility_at(u, Seconds(3)), 25);
  EXPECT_DOUBLE_EQ(utility_at(u, Seconds(3 + 2 * std::log(4))), 10);
  EXPECT_DOUBLE_EQ(utility_at(u, Seconds(3 - 2 * std::log(4))), 40);
  EXPECT_EQ(utility_at(u, Seconds(1e6)), 0);  // exp overflows to infinity: worth nothing
}

TEST(UtilityAt, SigmoidWithoutSteepnessIsHalfItsValue) {
  EXPECT_DOUBLE_EQ(utility_at(SigmoidUtility{.value = 50}, Seconds(0)), 25);
  EXPECT_DOUBLE_EQ(utility_at(SigmoidUtility{.value = 50}, Seconds(1e9)), 25);
}

TEST(UtilityAt, DeadlineIsInclusive) {
  const Utility u = DeadlineUtility{.value = 50, .deadline = Seconds(10), .late_value = 3};
  EXPECT_EQ(utility_at(u, Seconds(10)), 50);
  EXPECT_EQ(utility_at(u, Seconds(10.001)), 3);
}

// From 50 at 10 s to 0 at 30 s: after a quarter of the way, at 15 s, 37.5.
TEST(UtilityAt, LinearDecayFallsAlongALine) {
  const Utility u =
      LinearDecayUtility{.value = 50, .full_until = Seconds(10), .zero_at = Seconds(30)};
  EXPECT_EQ(utility_at(u, Seconds(0)), 50);
  EXPECT_EQ(utility_at(u, Seconds(10)), 50);
  EXPECT_DOUBLE_EQ(utility_at(u, Seconds(15)), 37.5);
  EXPECT_EQ(utility_at(u, Seconds(30)), 0);
  EXPECT_EQ(utility_at(u, Seconds(99)), 0);
}

// (2, 10), (4, 6), (8, 6), (9, 1): at 3 halfway from 10 to 6 = 8; at 8.2 a fifth from 6 to 1 = 5.
TEST(UtilityAt, PiecewiseLinearJoinsItsPoints) {
  const Utility u =
      PiecewiseLinearUtility{{{Seconds(2), 10}, {Seconds(4), 6}, {Seconds(8), 6}, {Seconds(9), 1}}};
  EXPECT_EQ(utility_at(u, Seconds(0)), 10);
  EXPECT_DOUBLE_EQ(utility_at(u, Seconds(3)), 8);
  EXPECT_DOUBLE_EQ(utility_at(u, Seconds(6)), 6);
  EXPECT_NEAR(utility_at(u, Seconds(8.2)), 5, 1e-12);
  EXPECT_EQ(utility_at(u, Seconds(100)), 1);
}

TEST(UtilityAt, ConstantIsConstant) { EXPECT_EQ(utility_at(ConstantUtility{4}, Seconds(1e9)), 4); }

TEST(ValidateUtility, NamesTheField) {
  const double nan = std::nan("");
  EXPECT_EQ(error_of(ConstantUtility{-1}), "value must be a number of at least 0");
  EXPECT_EQ(error_of(SigmoidUtility{.value = nan}), "value must be a number of at least 0");
  EXPECT_EQ(error_of(SigmoidUtility{.steepness = -1}), "steepness must be a rate of at least 0");
  EXPECT_EQ(error_of(SigmoidUtility{.midpoint = Seconds(-1)}),
            "midpoint must be a duration of at least 0");
  EXPECT_EQ(error_of(DeadlineUtility{.deadline = Seconds(nan)}),
            "deadline must be a duration of at least 0");
  EXPECT_EQ(error_of(DeadlineUtility{.value = 1, .late_value = 2}),
            "late_value must be between 0 and value");
  EXPECT_EQ(error_of(LinearDecayUtility{.full_until = Seconds(-1)}),
            "full_until must be a duration of at least 0");
  EXPECT_EQ(error_of(LinearDecayUtility{.full_until = Seconds(1), .zero_at = Seconds(1)}),
            "zero_at must be later than full_until");
  EXPECT_EQ(error_of(PiecewiseLinearUtility{}), "points must have at least one point");
  EXPECT_EQ(error_of(PiecewiseLinearUtility{{{Seconds(1), 5}, {Seconds(1), 4}}}),
            "the delays of points must increase");
  EXPECT_EQ(error_of(PiecewiseLinearUtility{{{Seconds(1), 5}, {Seconds(2), 6}}}),
            "the values of points must not increase");
  EXPECT_EQ(error_of(PiecewiseLinearUtility{{{Seconds(0), 5}, {Seconds(2), 0}}}), "no error");
}

}  // namespace
}  // namespace bourse
