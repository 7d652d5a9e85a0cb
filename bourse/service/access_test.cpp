#include "bourse/service/access.h"

#include <gtest/gtest.h>

#include "bourse/service/rate_limit.h"

namespace bourse {
namespace {

const std::string kSecret(32, 'a');

// The first test vector of FIPS 180-2.
TEST(Sha256, IsThatOfTheStandard) {
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Token, IsKnownByItsHashUntilItExpires) {
  const auto made =
      make_token({.user = "alice", .role = Role::admin, .note = "laptop", .lifetime = Seconds(60)},
                 0x1f2e3d4c, kSecret, Seconds(100));
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->token, "bourse_1f2e3d4c_" + kSecret);
  EXPECT_EQ(id_in_token(made->token), "1f2e3d4c");
  EXPECT_EQ(made->stored.hash.find(kSecret), std::string::npos);
  const auto caller = caller_of(made->token, &made->stored, Seconds(159));
  ASSERT_TRUE(caller.has_value());
  EXPECT_EQ(caller->user, "alice");
  EXPECT_EQ(caller->role, Role::admin);
  EXPECT_EQ(caller->token, "1f2e3d4c");
  const auto late = caller_of(made->token, &made->stored, Seconds(160));
  const auto other =
      caller_of("bourse_1f2e3d4c_" + std::string(32, 'b'), &made->stored, Seconds(1));
  const auto none = caller_of(made->token, nullptr, Seconds(1));
  EXPECT_EQ(late.error().code, ErrorCode::unauthenticated);
  EXPECT_EQ(late.error().message, other.error().message) << "which of them is wrong is not told";
  EXPECT_EQ(late.error().message, none.error().message);
}

TEST(Token, HasAUserWithAName) {
  for (const std::string& user :
       std::vector<std::string>{"", "a b", "a\n", "../a", std::string(65, 'a')}) {
    const auto made = make_token({.user = user}, 1, kSecret, Seconds(0));
    EXPECT_EQ(made.error().code, ErrorCode::invalid_argument) << user;
  }
  EXPECT_FALSE(make_token({.user = "a", .lifetime = Seconds(0)}, 1, kSecret, Seconds(0)));
  EXPECT_FALSE(make_token({.user = "a", .note = std::string(201, 'a')}, 1, kSecret, Seconds(0)));
}

TEST(Token, IsNotMistakenForAnotherText) {
  for (const char* text : {"", "bourse_", "bourse_1f2e3d4c", "secret"})
    EXPECT_EQ(id_in_token(text), "") << text;
}

TEST(Owns, IsTrueOfAdminsAndOfUsersOfTheirOwn) {
  EXPECT_TRUE(owns({.user = "a", .role = Role::admin}, "b"));
  EXPECT_TRUE(owns({.user = "a", .role = Role::user}, "a"));
  EXPECT_FALSE(owns({.user = "a", .role = Role::user}, "b"));
  EXPECT_FALSE(owns({.user = "a", .role = Role::user}, ""));
  EXPECT_FALSE(owns({.user = "a", .role = Role::viewer}, "a"));
}

// A bucket of 2 that fills by 1 in 10 s.
TEST(RateLimit, GivesABurstAndThenSoManyASecond) {
  RateLimit limit({.per_second = 0.1, .burst = 2});
  EXPECT_TRUE(limit.take("a", Seconds(0)));
  EXPECT_TRUE(limit.take("a", Seconds(0)));
  EXPECT_FALSE(limit.take("a", Seconds(0)));
  EXPECT_TRUE(limit.take("b", Seconds(0))) << "others have their own";
  EXPECT_FALSE(limit.has("a", Seconds(9)));
  EXPECT_TRUE(limit.has("a", Seconds(10)));
  EXPECT_TRUE(limit.take("a", Seconds(10)));
  EXPECT_FALSE(limit.take("a", Seconds(10)));
}

TEST(RateLimit, KeepsTheEmptiestOfTooManyNames) {
  RateLimit limit({.per_second = 1, .burst = 2}, 2);
  EXPECT_TRUE(limit.take("a", Seconds(0)));
  EXPECT_TRUE(limit.take("a", Seconds(0)));
  EXPECT_TRUE(limit.take("b", Seconds(0)));
  EXPECT_TRUE(limit.take("c", Seconds(0)));
  EXPECT_FALSE(limit.take("a", Seconds(0))) << "b was forgotten, not a";
}

}  // namespace
}  // namespace bourse
