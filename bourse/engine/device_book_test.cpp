#include "bourse/engine/device_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DeviceBook, GivesWholeDevicesThatNobodyHas) {
  DeviceBook book({4, 5, 6, 7});
  EXPECT_THAT(book.take(2000), ElementsAre(4, 5));
  const auto second = book.take(1000);
  EXPECT_THAT(second, ElementsAre(6));
  book.give_back({4, 5}, 2000);
  EXPECT_THAT(book.take(3000), ElementsAre(4, 5, 7));
  EXPECT_THAT(book.take(0), IsEmpty());
}

TEST(DeviceBook, PutsPartsTogetherOnOneDevice) {
  DeviceBook book({0, 1});
  EXPECT_THAT(book.take(500), ElementsAre(0));
  EXPECT_THAT(book.take(300), ElementsAre(0));  // 500 + 300 fits on device 0.
  EXPECT_THAT(book.take(300), ElementsAre(1));  // 800 + 300 does not.
  EXPECT_THAT(book.take(200), ElementsAre(0));  // 800 + 200 fills it.
}

TEST(DeviceBook, RoundsUpToWholeDevices) {
  DeviceBook book({0, 1, 2});
  EXPECT_THAT(book.take(1500), ElementsAre(0, 1));
  EXPECT_THAT(book.take(9000), ElementsAre(0, 1, 2));  // Never more than there are.
}

TEST(DeviceBook, RemembersWhatItIsTold) {
  DeviceBook book({0, 1});
  book.take({0}, 1000);
  EXPECT_THAT(book.take(1000), ElementsAre(1));
}

}  // namespace
}  // namespace bourse
