#include "bourse/program/brisk_wait.h"

#include <gtest/gtest.h>

namespace bourse::program {
namespace {

using namespace std::chrono_literals;

const Deadline kStart = Deadline(1h);

bool asks(BriskWait& wait) { return wait.asks_until(kStart) > kStart; }

/// How many brisk waits, slept through, there are until it asks.
int waits_until_it_asks(BriskWait& wait) {
  int waits = 0;
  while (!asks(wait) && waits < 10'000) {
    wait.has_slept(10us);
    ++waits;
  }
  return waits;
}

TEST(BriskWait, AsksOnceAWaitWasBrisk) {
  BriskWait wait;
  EXPECT_FALSE(asks(wait));
  wait.has_slept(1ms);
  EXPECT_FALSE(asks(wait));
  wait.has_slept(20us);
  EXPECT_EQ(wait.asks_until(kStart), kStart + BriskWait::kBrisk);
  wait.has_come();
  EXPECT_TRUE(asks(wait));
}

TEST(BriskWait, AsksLessOftenWhereItIsInVain) {
  BriskWait wait;
  EXPECT_EQ(waits_until_it_asks(wait), 1);
  for (const int expected : {2, 4, 8, 16, 32, 64, 64}) {
    wait.has_slept(1ms);
    EXPECT_EQ(waits_until_it_asks(wait), expected);
  }
  wait.has_come();
  ASSERT_TRUE(asks(wait));
  wait.has_slept(1ms);
  EXPECT_EQ(waits_until_it_asks(wait), 64) << "64 / 2 for what came, times 2 for what did not";
}

TEST(BriskWait, OnlyBriskWaitsInARowCount) {
  BriskWait wait;
  EXPECT_EQ(waits_until_it_asks(wait), 1);
  wait.has_slept(1ms);  // in vain: two are needed
  EXPECT_FALSE(asks(wait));
  wait.has_slept(10us);
  EXPECT_FALSE(asks(wait));
  wait.has_slept(1ms);
  EXPECT_EQ(waits_until_it_asks(wait), 2);
}

}  // namespace
}  // namespace bourse::program
