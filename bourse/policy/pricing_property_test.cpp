#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/scene_fixture.h"

// What docs/pricing.md claims of posted prices, and the purse that pays them.

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;
using testing::Scene;

std::unique_ptr<Policy> fixed_prices(const Settings& more = {}) {
  Settings settings{{"slot", "10s"}, {"price-low", "0.5"}, {"price-high", "8"}};
  settings.insert(more.begin(), more.end());
  return make_policy("pd-ors", settings, {}).value();
}

struct Outcome {
  bool is_admitted = false;
  double price = 0;
  Seconds completion{0};
};

/// The last of these jobs, which declares this value, after all others have come.
Outcome outcome_of(std::vector<JobSpec> jobs, double declared) {
  jobs.back().utility = ConstantUtility{declared};
  Scene scene(cluster_of(2, {{"gpu", 2}}), jobs);
  const auto policy = fixed_prices();
  for (std::size_t job = 0; job + 1 < jobs.size(); ++job) (void)scene.arrive(*policy, job);
  (void)scene.wake(*policy, 0);
  Outcome outcome;
  const auto look = [&](const Decision& decision) {
    for (const Reason& reason : decision.reasons)
      if (reason.job == JobId(jobs.size() - 1) && reason.code == ReasonCode::admitted)
        outcome = {true, reason.numbers[1], Seconds(reason.numbers[3])};
  };
  look(scene.arrive(*policy, jobs.size() - 1));
  look(scene.wake(*policy, 0));
  return outcome;
}

std::vector<JobSpec> some_jobs() {
  std::vector<JobSpec> jobs;
  const int count = *rc::gen::inRange(1, 7);
  for (int i = 0; i < count; ++i)
    jobs.push_back(gang(std::to_string(i), 0, *rc::gen::inRange(1, 4), *rc::gen::inRange(5, 60),
                        ConstantUtility{static_cast<double>(*rc::gen::inRange(1, 200))}));
  return jobs;
}

RC_GTEST_PROP(PostedPrice, NoOtherValueThanTheTrueOnePaysMore, ()) {
  const std::vector<JobSpec> jobs = some_jobs();
  const double value = *rc::gen::inRange(1, 100);
  const auto gain = [value](const Outcome& o) { return o.is_admitted ? value - o.price : 0.0; };
  const double honest = gain(outcome_of(jobs, value));
  RC_ASSERT(honest >= 0);
  for (const double share : {0.1, 0.5, 0.9, 1.1, 2.0, 10.0})
    RC_ASSERT(gain(outcome_of(jobs, share * value)) <= honest + 1e-9);
}

RC_GTEST_PROP(PostedPrice, DoesNotDependOnTheValueAndAdmissionIsMonotone, ()) {
  const std::vector<JobSpec> jobs = some_jobs();
  const double value = *rc::gen::inRange(1, 100);
  const Outcome low = outcome_of(jobs, value);
  const Outcome high = outcome_of(jobs, 2 * value);
  if (!low.is_admitted) return;
  RC_ASSERT(high.is_admitted);
  RC_ASSERT(high.price == low.price);
  RC_ASSERT(high.completion == low.completion);
}

/// Accounts by job with so much each; remembers what was paid.
struct TestAccounts {
  std::map<std::size_t, double> left;
  Purse purse() {
    return [this](JobId job, double price) {
      double& mine = left[job.index()];
      if (price > mine) return false;
      mine -= price;
      return true;
    };
  }
};

TEST(Purse, ThatIsEmptyMakesAJobFillerUntilItIsFilled) {
  Scene scene(cluster_of(1, {{"gpu", 2}}), {gang("poor", 0, 1, 100, ConstantUtility{900}),
                                            gang("rich", 0, 2, 10, ConstantUtility{900})});
  TestAccounts accounts{{{0, 0.0}, {1, 1e6}}};
  const auto policy = fixed_prices({{"on-decline", "wait"}});
  policy->set_purse(accounts.purse());
  const Decision first = scene.arrive(*policy, 0);
  ASSERT_EQ(first.reasons.size(), 1U);
  EXPECT_EQ(first.reasons[0].code, ReasonCode::waits_for_credit);
  const Decision fills = scene.wake(*policy, 0);
  ASSERT_FALSE(scene.held(0).empty()) << "the machine is idle";
  EXPECT_EQ(fills.reasons[0].code, ReasonCode::filler);
  // Who pays gets its place at once.
  (void)scene.arrive(*policy, 1);
  (void)scene.wake(*policy, 0);
  EXPECT_TRUE(scene.held(0).empty());
  EXPECT_EQ(scene.tasks(1).workers, 2);
  EXPECT_LT(accounts.left[1], 1e6);
  // With credit it is admitted in the next slot.
  accounts.left[0] = 1e6;
  for (int i = 1; i <= 3; ++i) {
    (void)scene.wake(*policy, 10 * i);
    (void)scene.wake(*policy, 10 * i);
  }
  EXPECT_LT(accounts.left[0], 1e6);
}

TEST(Purse, IsAskedAgainInEachSlotThoughNothingElseHappens) {
  Scene scene(cluster_of(1, {{"gpu", 2}}), {gang("poor", 0, 1, 100, ConstantUtility{900})});
  TestAccounts accounts;
  const auto policy = fixed_prices();
  policy->set_purse(accounts.purse());
  (void)scene.arrive(*policy, 0);
  (void)scene.wake(*policy, 0);
  accounts.left[0] = 1e6;
  for (int repeat = 0; repeat < 3; ++repeat) (void)scene.wake(*policy, 10);
  EXPECT_LT(accounts.left[0], 1e6);
}

TEST(Purse, ThatIsEmptyMakesOasisDeclineAndSaySo) {
  Scene scene(cluster_of(1, {{"gpu", 2}}), {gang("poor", 0, 1, 20, ConstantUtility{900})});
  TestAccounts accounts;
  const auto policy = make_policy("oasis", {{"slot", "10s"}}, {}).value();
  policy->set_purse(accounts.purse());
  const Decision decision = scene.arrive(*policy, 0);
  ASSERT_EQ(decision.declined.size(), 1U);
  ASSERT_EQ(decision.reasons.size(), 1U);
  EXPECT_EQ(decision.reasons[0].code, ReasonCode::waits_for_credit);
  EXPECT_TRUE(reason_text(decision.reasons[0]).starts_with("not admitted: its account lacks the "));
}

TEST(Purse, PaysWhatIsPosted) {
  Scene scene(cluster_of(1, {{"gpu", 2}}), {gang("a", 0, 1, 20, ConstantUtility{900})});
  TestAccounts accounts{{{0, 100.0}}};
  const auto policy = fixed_prices();
  policy->set_purse(accounts.purse());
  const Decision decision = scene.arrive(*policy, 0);
  ASSERT_EQ(decision.reasons.size(), 1U);
  ASSERT_EQ(decision.reasons[0].code, ReasonCode::admitted);
  EXPECT_DOUBLE_EQ(accounts.left[0], 100 - decision.reasons[0].numbers[1]);
}

}  // namespace
}  // namespace bourse
