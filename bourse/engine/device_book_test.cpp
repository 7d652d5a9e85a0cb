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

CellSpec cell_of(int workers) {
  CellSpec cell{.tasks = {{.role = TaskRole::server}}};
  for (int i = 0; i < workers; ++i) cell.tasks.push_back({.rank = i});
  return cell;
}

TEST(HandOutDevices, GivesEachWorkerItsOwnAndServersNone) {
  CellSpec cell = cell_of(2);
  hand_out_devices(cell, 2000, "CUDA_VISIBLE_DEVICES", "1,3,GPU-5,7");
  EXPECT_THAT(cell.tasks[0].environment, ElementsAre("CUDA_VISIBLE_DEVICES="));
  EXPECT_THAT(cell.tasks[1].environment, ElementsAre("CUDA_VISIBLE_DEVICES=1,3"));
  EXPECT_THAT(cell.tasks[2].environment, ElementsAre("CUDA_VISIBLE_DEVICES=GPU-5,7"));
}

TEST(HandOutDevices, LetsPartsShareADevice) {
  CellSpec cell = cell_of(3);
  cell.tasks[3].environment = {"CUDA_VISIBLE_DEVICES=9"};
  hand_out_devices(cell, 500, "CUDA_VISIBLE_DEVICES", "4,6");
  EXPECT_THAT(cell.tasks[1].environment, ElementsAre("CUDA_VISIBLE_DEVICES=4"));
  EXPECT_THAT(cell.tasks[2].environment, ElementsAre("CUDA_VISIBLE_DEVICES=4"));
  EXPECT_THAT(cell.tasks[3].environment, ElementsAre("CUDA_VISIBLE_DEVICES=9"));
  CellSpec unseen = cell_of(1);
  hand_out_devices(unseen, 1000, "CUDA_VISIBLE_DEVICES", "");
  EXPECT_TRUE(unseen.tasks[1].environment.empty());
}

}  // namespace
}  // namespace bourse
