#include "bourse/service/accounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

Account account(const AccountRequest& request, Seconds now = Seconds(0)) {
  return make_account(request, now).value();
}

TEST(Accounts, TheDefaultHasNoLimitUnlessItIsGivenOne) {
  Accounts accounts(std::vector<Account>{});
  EXPECT_EQ(accounts.of_group("nobody").name, kDefaultAccount);
  EXPECT_TRUE(accounts.can_pay(kDefaultAccount, 1e12));
  EXPECT_THAT(accounts.charge(kDefaultAccount, 5), ElementsAre(kDefaultAccount));
  EXPECT_EQ(accounts.find(kDefaultAccount)->charged, 5);
  accounts.put(account({.name = kDefaultAccount, .credits = 3}));
  EXPECT_FALSE(accounts.can_pay(kDefaultAccount, 5));
}

// 10 credits in a period of 100 s: 4 and 6 are paid, 1 more is not; at 250 s the period that began
// at 200 s has 10 again.
TEST(Accounts, HaveTheirCreditsAnewInEachPeriod) {
  Accounts accounts({account({.name = "a", .credits = 10, .period = Seconds(100)})});
  accounts.charge("a", 4);
  EXPECT_TRUE(accounts.can_pay("a", 6));
  accounts.charge("a", 6);
  EXPECT_FALSE(accounts.can_pay("a", 1));
  EXPECT_THAT(accounts.renew(Seconds(99)), ElementsAre());
  EXPECT_THAT(accounts.renew(Seconds(250)), ElementsAre("a"));
  EXPECT_EQ(accounts.find("a")->balance, 10);
  EXPECT_EQ(accounts.find("a")->renewed, Seconds(200));
  EXPECT_EQ(accounts.find("a")->charged, 10);
}

// a has one share and 12 credits, b two and none. a pays 9: 3 come back to it, 6 go to b.
TEST(Accounts, WithSharesGetWhatIsCharged) {
  Accounts accounts({account({.name = "a", .credits = 12, .shares = 1}),
                     account({.name = "b", .shares = 2}), account({.name = "c", .credits = 5})});
  EXPECT_FALSE(accounts.can_pay("b", 1));
  EXPECT_THAT(accounts.charge("a", 9), UnorderedElementsAre("a", "b"));
  EXPECT_EQ(accounts.find("a")->balance, 6);
  EXPECT_EQ(accounts.find("b")->balance, 6);
  EXPECT_EQ(accounts.find("c")->balance, 5);
  accounts.refund("a", 9);
  EXPECT_EQ(accounts.find("a")->balance, 12);
  EXPECT_EQ(accounts.find("b")->balance, 0);
  EXPECT_EQ(accounts.find("a")->refunded, 9);
}

RC_GTEST_PROP(Accounts, WithSharesKeepTheSumOfTheirCredits, ()) {
  Accounts accounts({account({.name = "a", .credits = 50, .shares = 1}),
                     account({.name = "b", .credits = 50, .shares = 3}),
                     account({.name = "c", .shares = 2})});
  const std::vector<std::string> names{"a", "b", "c"};
  for (const auto& [who, price] : *rc::gen::container<std::vector<std::pair<int, int>>>(
           rc::gen::pair(rc::gen::inRange(0, 3), rc::gen::inRange(0, 60)))) {
    const std::string& name = names[static_cast<std::size_t>(who)];
    if (accounts.can_pay(name, price)) accounts.charge(name, price);
    double sum = 0;
    for (const auto& [each, held] : accounts.all()) {
      RC_ASSERT(held.balance >= 0);
      sum += held.balance;
    }
    RC_ASSERT(std::abs(sum - 100) < 1e-6);
  }
}

TEST(Accounts, SayWhatIsWrongWithTheirTerms) {
  const auto error = [](const AccountRequest& request) {
    return make_account(request, Seconds(0)).error().message;
  };
  EXPECT_EQ(error({.name = "a b"}),
            "name: 'a b' is no name; use 1 to 64 letters, digits, '.', '_', '-' or '@'");
  EXPECT_EQ(error({.name = "a", .members = {"x/y"}}).substr(0, 23), "members: 'x/y' is no na");
  EXPECT_EQ(error({.name = "a", .credits = -1}), "credits: -1 is not from 0 to 1e+15");
  EXPECT_EQ(error({.name = "a", .period = Seconds(1)}), "period: 1s is less than 60s");
  EXPECT_EQ(error({.name = "a", .period = Seconds(100), .shares = 1}),
            "period: an account with shares has none; it is paid all the time");
}

TEST(Refunds, AreDueForBrokenPromisesAndLostWork) {
  Charge charge{.job = 1, .price = 8, .promised = Seconds(100)};
  EXPECT_EQ(refund_at_end(charge, JobPhase::finished, Seconds(100)), 0);
  EXPECT_EQ(refund_at_end(charge, JobPhase::finished, Seconds(200)), 0)
      << "it was longer than it said";
  EXPECT_EQ(refund_at_end(charge, JobPhase::declined, Seconds(50)), 8);
  EXPECT_EQ(refund_at_end(charge, JobPhase::cancelled, Seconds(50)), 0);
  charge.was_hit = true;
  EXPECT_EQ(refund_at_end(charge, JobPhase::finished, Seconds(200)), 8);
  EXPECT_EQ(refund_at_end(charge, JobPhase::finished, Seconds(100.5)), 0);
  // A quarter of the work was lost; 7 of 8 went back before, so 1 is left to give.
  EXPECT_EQ(refund_for_loss(charge, 25, 100), 2);
  charge.refund = 7;
  EXPECT_EQ(refund_for_loss(charge, 25, 100), 1);
  EXPECT_EQ(refund_at_end(charge, JobPhase::finished, Seconds(200)), 1);
  EXPECT_EQ(refund_for_loss(charge, 0, 100), 0);
  EXPECT_EQ(refund_for_loss(charge, 10, 0), 0);
}

}  // namespace
}  // namespace bourse
