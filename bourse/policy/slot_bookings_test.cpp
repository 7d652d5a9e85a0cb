#include "bourse/policy/slot_bookings.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

TEST(SlotBookings, KeepsStretchesOfEqualSlots) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  SlotBookings bookings(cluster, 2);
  const JobSpec job = gang("a", 0, 1, 1);
  const Allocation one{{MachineId(0u), 1, 0}};
  bookings.book(2, 5, job, one, +1);
  ASSERT_EQ(bookings.stretches().size(), 3u);
  EXPECT_EQ(bookings.stretches()[1].from, 2);
  EXPECT_EQ(bookings.stretches()[2].from, 5);
  EXPECT_EQ(bookings.stretch_of(4), 1u);
  bookings.book(5, 7, job, one, +1);
  EXPECT_EQ(bookings.stretches().size(), 3u) << "slots 2 to 7 are alike";
  bookings.forget_before(3);
  EXPECT_EQ(bookings.stretches().size(), 2u);
  bookings.book(2, 7, job, one, -1);
  EXPECT_EQ(bookings.stretches().size(), 1u);
}

TEST(SlotBookings, HasNoRoomOnMachinesThatAreDown) {
  const Cluster cluster = cluster_of(1, {{"gpu", 4}});
  SlotBookings bookings(cluster, 1);
  const Allocation one{{MachineId(0u), 1, 0}};
  bookings.set_down(MachineId(0u), true);
  EXPECT_FALSE(bookings.has_room(bookings.stretches()[0], gang("a", 0, 1, 1), one));
  bookings.set_down(MachineId(0u), false);
  EXPECT_TRUE(bookings.has_room(bookings.stretches()[0], gang("a", 0, 1, 1), one));
}

// Against a plain table of slots and machines, under random bookings that fit.
RC_GTEST_PROP(SlotBookings, AgreesWithATable, ()) {
  constexpr std::size_t kMachines = 3;
  constexpr std::int64_t kSlots = 12;
  const Cluster cluster = cluster_of(kMachines, {{"gpu", 2}});
  SlotBookings bookings(cluster, kMachines);
  const JobSpec job = gang("a", 0, 1, 1);
  std::vector<std::vector<int>> used(kSlots, std::vector<int>(kMachines));
  const auto steps = *rc::gen::inRange(1, 20);
  std::int64_t first = 0;
  for (int step = 0; step < steps; ++step) {
    const auto from = *rc::gen::inRange<std::int64_t>(first, kSlots);
    const auto to = *rc::gen::inRange<std::int64_t>(from, kSlots + 1);
    const auto machine = *rc::gen::inRange<std::size_t>(0, kMachines);
    const int sign = *rc::gen::element(-1, 1);
    bool is_possible = true;
    for (std::int64_t t = from; t < to; ++t) {
      const int next = used[static_cast<std::size_t>(t)][machine] + sign;
      is_possible &= next >= 0 && next <= 2;
    }
    if (!is_possible) continue;
    bookings.book(from, to, job, Allocation{{MachineId(machine), 1, 0}}, sign);
    for (std::int64_t t = from; t < to; ++t) used[static_cast<std::size_t>(t)][machine] += sign;
    if (*rc::gen::inRange(0, 5) == 0 && first + 1 < kSlots) bookings.forget_before(++first);
  }
  for (std::int64_t t = first; t < kSlots; ++t) {
    const auto& stretch = bookings.stretches()[bookings.stretch_of(t)];
    std::uint32_t machines = 0;
    for (const std::uint32_t count : stretch.counts) machines += count;
    RC_ASSERT(machines == kMachines);
    for (std::size_t h = 0; h < kMachines; ++h)
      RC_ASSERT(bookings.state(stretch.states[h]).used[0] ==
                used[static_cast<std::size_t>(t)][h] * kAmountsPerUnit);
  }
}

}  // namespace
}  // namespace bourse
