#include "bourse/model/resources.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

namespace bourse {
namespace {

Amount amount_of(std::string_view text, Rounding rounding = Rounding::up) {
  const auto parsed = parse_amount(text, rounding);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return parsed ? parsed->amount : -1;
}

std::string error_of(std::string_view text) {
  const auto parsed = parse_amount(text, Rounding::up);
  return parsed ? "no error" : parsed.error().message;
}

TEST(ParseAmount, ReadsCountsAndSizes) {
  EXPECT_EQ(amount_of("4"), 4000);
  EXPECT_EQ(amount_of("0.1"), 100);
  EXPECT_EQ(amount_of("4GiB"), 4096000);
  EXPECT_EQ(parse_amount("4", Rounding::up)->kind, ResourceKind::count);
  EXPECT_EQ(parse_amount("0B", Rounding::up)->kind, ResourceKind::bytes);
}

// 1/3 of a device is 333.3 thousandths. 1 MB is 953.674 thousandths of a MiB.
TEST(ParseAmount, RoundsDemandsUpAndCapacitiesDown) {
  EXPECT_EQ(amount_of("0.3333333", Rounding::up), 334);
  EXPECT_EQ(amount_of("0.3333333", Rounding::down), 333);
  EXPECT_EQ(amount_of("1MB", Rounding::up), 954);
  EXPECT_EQ(amount_of("1MB", Rounding::down), 953);
  EXPECT_EQ(amount_of("0.7", Rounding::down), 700);
  EXPECT_EQ(amount_of("0.57", Rounding::up), 570);  // 0.57 * 1000 is 569.9999999999999
}

TEST(ParseAmount, SaysWhatIsWrong) {
  EXPECT_EQ(error_of("-1"), "'-1' is negative");
  EXPECT_EQ(error_of("-4GiB"), "'-4GiB' is negative");
  EXPECT_EQ(error_of("1e15"), "'1e15' is more than a machine can have");
  EXPECT_EQ(error_of("4 gallons"),
            "'4 gallons' has no known unit of size; use one of B, kB, MB, GB, TB, KiB, MiB, GiB, "
            "TiB");
}

RC_GTEST_PROP(AmountText, ReadsBackAsTheSameAmount, ()) {
  const Amount amount = *rc::gen::inRange<Amount>(0, kMaxAmount + 1);
  for (const ResourceKind kind : {ResourceKind::count, ResourceKind::bytes}) {
    for (const Rounding rounding : {Rounding::up, Rounding::down}) {
      const auto back = parse_amount(amount_text(amount, kind), rounding);
      RC_ASSERT(back.has_value());
      RC_ASSERT(back->amount == amount);
      RC_ASSERT(back->kind == kind);
    }
  }
}

TEST(ResourceTypes, KeepOneKindAName) {
  ResourceTypes types;
  EXPECT_EQ(types.add("gpu", ResourceKind::count).value(), 0u);
  EXPECT_EQ(types.add("memory", ResourceKind::bytes).value(), 1u);
  EXPECT_EQ(types.add("gpu", ResourceKind::count).value(), 0u);
  EXPECT_EQ(types.size(), 2u);
  EXPECT_FALSE(types.find("tpu").has_value());
  EXPECT_EQ(types.add("memory", ResourceKind::count).error().message,
            "resource 'memory' needs a unit of size, such as 4GiB");
  EXPECT_EQ(types.add("gpu", ResourceKind::bytes).error().message,
            "resource 'gpu' is a count and takes no unit");
}

// Ten demands of 0.1 GPU fill one GPU exactly; in doubles they would not.
TEST(Take, IsExact) {
  ResourceVector free{1000};
  const ResourceVector demand{100};
  EXPECT_EQ(count_that_fits(demand, free, 100), 10);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(fits(demand, free));
    take(free, demand, 1);
  }
  EXPECT_EQ(free[0], 0);
  EXPECT_FALSE(fits(demand, free));
  take(free, demand, -10);
  EXPECT_EQ(free[0], 1000);
}

TEST(CountThatFits, IsBoundedByTheScarcestTypeAndTheLimit) {
  const ResourceVector free{8000, 5000, 0};
  EXPECT_EQ(count_that_fits(ResourceVector{1000, 2000, 0}, free, 100), 2);
  EXPECT_EQ(count_that_fits(ResourceVector{1000, 0, 0}, free, 100), 8);
  EXPECT_EQ(count_that_fits(ResourceVector{0, 0, 0}, free, 100), 100);
  EXPECT_EQ(count_that_fits(ResourceVector{0, 0, 1}, free, 100), 0);
  EXPECT_EQ(count_that_fits(ResourceVector{0, 0, 0}, ResourceVector{8000, -1, 0}, 100), 0);
}

RC_GTEST_PROP(CountThatFits, IsTheMostThatFits, ()) {
  const ResourceVector demand{*rc::gen::inRange<Amount>(1, 2000), *rc::gen::inRange<Amount>(0, 9)};
  const ResourceVector free{*rc::gen::inRange<Amount>(0, 9000), *rc::gen::inRange<Amount>(0, 50)};
  const std::int64_t count = count_that_fits(demand, free, 1'000'000);
  RC_ASSERT(fits(demand, free, count));
  RC_ASSERT(!fits(demand, free, count + 1));
}

}  // namespace
}  // namespace bourse
