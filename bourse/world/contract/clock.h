#pragma once

#include "bourse/world/contract/stage.h"

namespace bourse {

TEST_P(ClockContract, CallsComeInTheOrderOfTheirTimes) {
  Clock& clock = world().clock;
  std::string order;
  const Seconds start = clock.now();
  clock.call_at(start + Seconds(0.03), [&] { order += 'c'; });
  clock.call_at(start + Seconds(0.01), [&] { order += 'a'; });
  clock.call_at(start + Seconds(0.02), [&] { order += 'b'; });
  EXPECT_TRUE(run_until([&] { return order.size() == 3; }));
  EXPECT_EQ(order, "abc");
  EXPECT_GE(clock.now(), start + Seconds(0.03));
}

TEST_P(ClockContract, CallsOfTheSameInstantComeInTheOrderOfAsking) {
  Clock& clock = world().clock;
  std::string order;
  const Seconds when = clock.now() + Seconds(0.01);
  for (const char c : {'a', 'b', 'c', 'd'}) clock.call_at(when, [&order, c] { order += c; });
  EXPECT_TRUE(run_until([&] { return order.size() == 4; }));
  EXPECT_EQ(order, "abcd");
}

TEST_P(ClockContract, PastCallsComeSoonInTheOrderOfAsking) {
  Clock& clock = world().clock;
  std::string order;
  clock.call_at(clock.now() - Seconds(1), [&] { order += 'a'; });
  clock.call_at(clock.now() - Seconds(5), [&] { order += 'b'; });
  EXPECT_EQ(order, "");
  EXPECT_TRUE(run_until([&] { return order.size() == 2; }));
  EXPECT_EQ(order, "ab");
}

TEST_P(ClockContract, ACancelledCallDoesNotComeEvenIfItIsDue) {
  Clock& clock = world().clock;
  bool came = false;
  bool done = false;
  const Seconds when = clock.now() + Seconds(0.01);
  TimerId second = 0;
  clock.call_at(when, [&] { clock.cancel(second); });
  second = clock.call_at(when, [&] { came = true; });
  clock.call_at(when + Seconds(0.01), [&] { done = true; });
  EXPECT_TRUE(run_until([&] { return done; }));
  EXPECT_FALSE(came);
  clock.cancel(second);
  clock.cancel(0);
}

TEST_P(ClockContract, ACallMayAskForTheNext) {
  Clock& clock = world().clock;
  int count = 0;
  std::function<void()> again = [&] {
    if (++count < 5) clock.call_in(Seconds(0.001), again);
  };
  again();
  EXPECT_TRUE(run_until([&] { return count == 5; }));
}

TEST_P(ClockContract, ACallForEverAwayDoesNotComeAndHindersNothing) {
  Clock& clock = world().clock;
  bool came = false;
  bool done = false;
  const TimerId never = clock.call_at(kForever, [&] { came = true; });
  clock.call_in(Seconds(0.01), [&] { done = true; });
  EXPECT_TRUE(run_until([&] { return done; }));
  EXPECT_FALSE(came);
  clock.cancel(never);
}

TEST_P(ClockContract, TokensDiffer) {
  const std::string token = world().random.token();
  EXPECT_EQ(token.size(), 32U);
  EXPECT_EQ(token.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(token, world().random.token());
}

}  // namespace bourse
