#include "bourse/solver/slot_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/solver/slot_hull_program.h"

namespace bourse {
namespace {

using Amounts = std::vector<std::int64_t>;

TEST(TaskPolygon, HasTheCornersOfWhatFits) {
  // w + 2 s <= 5 beside w <= 4: (4, 0), (3, 1), (1, 2); (0, 2) closes it.
  const Amounts worker{1, 1};
  const Amounts server{2, 0};
  const Amounts residual{5, 4};
  EXPECT_EQ(task_polygon({worker, server}, residual, 9, 9),
            (std::vector<TaskPoint>{{0, 0}, {4, 0}, {3, 1}, {1, 2}, {0, 2}}));
  // The other way round takes the other axis and gives the same mirrored.
  EXPECT_EQ(task_polygon({server, worker}, residual, 9, 9),
            (std::vector<TaskPoint>{{0, 0}, {2, 0}, {2, 1}, {1, 3}, {0, 4}}));
}

TEST(TaskPolygon, IsThePointZeroWhereNothingFitsAndEmptyOnALostMachine) {
  const Amounts worker{2};
  const Amounts server{3};
  EXPECT_EQ(task_polygon({worker, server}, Amounts{1}, 9, 9), (std::vector<TaskPoint>{{0, 0}}));
  EXPECT_TRUE(task_polygon({worker, server}, Amounts{-1}, 9, 9).empty());
  EXPECT_EQ(task_polygon({worker, server}, Amounts{2}, 9, 9),
            (std::vector<TaskPoint>{{0, 0}, {1, 0}}));
}

/// Classes of machines with what they refer to.
struct CoreCase {
  Amounts worker;
  Amounts server;
  std::vector<Amounts> residual;
  std::vector<std::vector<TaskPoint>> corners;
  std::vector<CoreClass> classes;

  [[nodiscard]] SlotDemand demand() const { return {worker, server}; }
  void add(double worker_price, double server_price, int machines, Amounts room) {
    corners.push_back(task_polygon(demand(), room, 100, 100));
    residual.push_back(std::move(room));
    classes.push_back({worker_price, server_price, machines, {}, {}});
  }
  [[nodiscard]] SlotCore core() {
    SlotCore core(demand());
    for (std::size_t c = 0; c < classes.size(); ++c) {
      classes[c].residual = residual[c];
      classes[c].corners = corners[c];
      core.add(classes[c]);
    }
    return core;
  }
};

// Oracle 2 of the specification: two machines of (8 gpu, 16 cpu), a worker takes (1, 1) and costs
// .2, a server takes (0, 1) and costs .1. 5 workers and 2 servers cost 5 * .2 + 2 * .1 = 1.2.
TEST(SlotCore, SolvesTheWorkedExample) {
  CoreCase slot{.worker = {1, 1}, .server = {0, 1}};
  slot.add(.2, .1, 2, {8, 16});
  SlotCore core = slot.core();
  ASSERT_EQ(core.move_to(5, 2), SlotCore::Outcome::reached);
  EXPECT_NEAR(core.bound(), 1.2, 1e-12);
  EXPECT_NEAR(core.lambda(), .2, 1e-12);
  EXPECT_NEAR(core.nu(), .1, 1e-12);
  double cost = 0;
  ASSERT_TRUE(core.round(cost));
  EXPECT_NEAR(cost, 1.2, 1e-12);
  EXPECT_EQ(core.move_to(16, 16), SlotCore::Outcome::reached);
  EXPECT_NEAR(core.bound(), 16 * .2 + 16 * .1, 1e-12);
  EXPECT_EQ(core.move_to(17, 0), SlotCore::Outcome::infeasible);
  EXPECT_EQ(core.move_to(1, 0), SlotCore::Outcome::reached);  // and back again
  EXPECT_NEAR(core.bound(), .2, 1e-12);
}

// Machine a holds 2 tasks, whichever; b holds 2 workers only, at 5 each. 3 workers and 1 server:
// a takes one of each (1 + 1), b the other two workers (10): 12. Workers on a alone would be 2 + 5
// and leave no room for the server. Moving a from worker to server costs 5 more workers on b, so a
// server is worth 1 + (5 - 1) = 5.
TEST(SlotCore, PricesTheRoomThatAServerTakesFromAWorker) {
  CoreCase slot{.worker = {1, 1}, .server = {1, 0}};
  slot.add(1, 1, 1, {2, 9});
  slot.add(5, 9, 1, {2, 2});
  SlotCore core = slot.core();
  ASSERT_EQ(core.move_to(3, 1), SlotCore::Outcome::reached);
  EXPECT_NEAR(core.bound(), 12, 1e-12);
  EXPECT_NEAR(core.lambda(), 5, 1e-12);
  EXPECT_NEAR(core.nu(), 5, 1e-12);
  double cost = 0;
  const auto parts = core.round(cost);
  ASSERT_TRUE(parts);
  EXPECT_NEAR(cost, 12, 1e-12);
}

TEST(SlotCore, StopsBeforeAMultiplierExceedsItsLimitAndGoesOnWithMoreClasses) {
  CoreCase slot{.worker = {1}, .server = {1}};
  slot.add(1, 1, 1, {2});
  SlotCore core = slot.core();
  EXPECT_EQ(core.move_to(4, 0, 2, 2), SlotCore::Outcome::beyond);
  const Amounts room{3};
  const auto corners = task_polygon(slot.demand(), room, 9, 9);
  core.add({3, 3, 1, room, corners});
  ASSERT_EQ(core.move_to(4, 0, 4, 4), SlotCore::Outcome::reached);
  EXPECT_NEAR(core.bound(), 2 * 1 + 2 * 3, 1e-12);
}

}  // namespace
}  // namespace bourse
