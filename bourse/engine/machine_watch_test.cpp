#include "bourse/engine/machine_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr MachineId kFirst(0U);
constexpr MachineId kSecond(1U);

MachineWatch two_machines() {
  return {2,
          {.first_hold = Seconds(10), .longest_hold = Seconds(30), .forget_after = Seconds(100)}};
}

TEST(MachineWatch, TellsEachChangeOnce) {
  MachineWatch watch = two_machines();
  EXPECT_THAT(watch.changes(Seconds(0)), IsEmpty());
  watch.see(kSecond, "drained");
  const auto down = watch.changes(Seconds(1));
  ASSERT_THAT(down, SizeIs(1));
  EXPECT_EQ(down[0].machine, kSecond);
  EXPECT_FALSE(down[0].is_up);
  EXPECT_EQ(down[0].reason, "drained");
  EXPECT_THAT(watch.changes(Seconds(2)), IsEmpty());
  watch.see(kSecond, "");
  const auto up = watch.changes(Seconds(3));
  ASSERT_THAT(up, SizeIs(1));
  EXPECT_TRUE(up[0].is_up);
}

TEST(MachineWatch, SetsAMachineAsideAfterThreeLostCells) {
  MachineWatch watch = two_machines();
  watch.strike(kFirst, Seconds(1), false, "one");
  watch.strike(kFirst, Seconds(2), false, "two");
  watch.strike(kSecond, Seconds(2), false, "elsewhere");
  EXPECT_THAT(watch.changes(Seconds(2)), IsEmpty());
  watch.strike(kFirst, Seconds(3), false, "three");
  const auto down = watch.changes(Seconds(3));
  ASSERT_THAT(down, SizeIs(1));
  EXPECT_EQ(down[0].reason, "set aside for 10.0s: three");
  EXPECT_THAT(watch.changes(Seconds(12.9)), IsEmpty());
  EXPECT_THAT(watch.changes(Seconds(13)), SizeIs(1));
}

TEST(MachineWatch, HoldsLongerEachTimeAndForgets) {
  MachineWatch watch = two_machines();
  watch.strike(kFirst, Seconds(0), true, "gone");
  EXPECT_THAT(watch.changes(Seconds(0)), SizeIs(1));
  watch.strike(kFirst, Seconds(5), true, "gone with it");  // Of the same cause.
  EXPECT_THAT(watch.changes(Seconds(10)), SizeIs(1));
  watch.strike(kFirst, Seconds(11), false, "again");  // Held until 11 + 20.
  EXPECT_THAT(watch.changes(Seconds(11)), SizeIs(1));
  EXPECT_THAT(watch.changes(Seconds(30)), IsEmpty());
  EXPECT_THAT(watch.changes(Seconds(31)), SizeIs(1));
  watch.strike(kFirst, Seconds(40), true, "and again");  // 40 s are more than the longest, 30.
  EXPECT_THAT(watch.changes(Seconds(40)), SizeIs(1));
  EXPECT_THAT(watch.changes(Seconds(70)), SizeIs(1));
  watch.strike(kFirst, Seconds(200), false, "long after");
  EXPECT_THAT(watch.changes(Seconds(200)), IsEmpty());
}

TEST(MachineWatch, StaysDownWhileEitherReasonHolds) {
  MachineWatch watch = two_machines();
  watch.strike(kFirst, Seconds(0), true, "gone");
  EXPECT_THAT(watch.changes(Seconds(0)), SizeIs(1));
  watch.see(kFirst, "down");
  EXPECT_THAT(watch.changes(Seconds(20)), IsEmpty());
  watch.see(kFirst, "");
  EXPECT_THAT(watch.changes(Seconds(21)), SizeIs(1));
}

}  // namespace
}  // namespace bourse
