// The exact core against CLP on the same programme, against the weaker relaxation and against the
// integer optimum, on random slots.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/solver/slot_core.h"
#include "bourse/solver/slot_hull_program.h"

namespace bourse {
namespace {

using Amounts = std::vector<std::int64_t>;

/// Machines of (8 gpu, 64 cpu, 256 memory), each class under a random load; prices grow by a factor
/// of 1000 from empty to full. Few distinct loads make many ties.
struct RandomSlot {
  Amounts worker;
  Amounts server;
  std::vector<Amounts> residual;
  std::vector<std::vector<TaskPoint>> corners;
  std::vector<CoreClass> classes;
  int most_workers = 0;
  int most_servers = 0;

  RandomSlot(RandomStream& random, int class_count, int most_machines, bool coarse) {
    const Amounts capacity{8, 64, 256};
    worker = {random.integer(0, 2), random.integer(1, 8), random.integer(2, 32)};
    server = {0, random.integer(0, 8), random.integer(1, 32)};
    for (int c = 0; c < class_count; ++c) {
      CoreClass& added = classes.emplace_back();
      added.machines = static_cast<int>(random.integer(1, most_machines));
      Amounts& room = residual.emplace_back();
      added.worker_price = added.server_price = 0;
      for (std::size_t r = 0; r < 3; ++r) {
        const std::int64_t step = coarse ? capacity[r] / 4 : 1;
        const std::int64_t used = random.integer(0, capacity[r] / step) * step;
        const auto whole = static_cast<double>(capacity[r]);
        const double price = 0.01 * std::pow(1000, static_cast<double>(used) / whole) / whole;
        added.worker_price += price * static_cast<double>(worker[r]);
        added.server_price += price * static_cast<double>(server[r]);
        room.push_back(capacity[r] - used);
      }
      corners.push_back(task_polygon(demand(), room, 60, 60));
    }
    for (std::size_t c = 0; c < classes.size(); ++c) {
      classes[c].residual = residual[c];
      classes[c].corners = corners[c];
      for (const TaskPoint corner : corners[c]) {
        most_workers = std::max(most_workers, corner.workers);
        most_servers = std::max(most_servers, corner.servers);
      }
    }
  }
  [[nodiscard]] SlotDemand demand() const { return {worker, server}; }
  [[nodiscard]] SlotCore core() const {
    SlotCore core(demand());
    for (const CoreClass& of : classes) core.add(of);
    return core;
  }
  /// The machines one by one, as the relaxation without hulls takes them.
  [[nodiscard]] SlotMachines machines() const {
    SlotMachines all{.resource_count = 3};
    for (std::size_t c = 0; c < classes.size(); ++c)
      for (int i = 0; i < classes[c].machines; ++i) {
        all.worker_price.push_back(classes[c].worker_price);
        all.server_price.push_back(classes[c].server_price);
        all.residual.insert(all.residual.end(), residual[c].begin(), residual[c].end());
      }
    return all;
  }
};

/// Cost, room and totals of a whole placement.
void check_parts(const RandomSlot& slot, const std::vector<CorePart>& parts, int workers,
                 int servers, double cost) {
  double sum = 0;
  std::vector<int> machines(slot.classes.size());
  for (const CorePart& part : parts) {
    const CoreClass& of = slot.classes[part.class_index];
    machines[part.class_index] += part.machines;
    workers -= part.machines * part.tasks.workers;
    servers -= part.machines * part.tasks.servers;
    sum += part.machines *
           (of.worker_price * part.tasks.workers + of.server_price * part.tasks.servers);
    ASSERT_GE(workers_beside(slot.demand(), of.residual, part.tasks.servers, 1000),
              part.tasks.workers);
  }
  EXPECT_LE(workers, 0);
  EXPECT_LE(servers, 0);
  EXPECT_NEAR(sum, cost, 1e-9 * cost);
  for (std::size_t c = 0; c < machines.size(); ++c)
    EXPECT_LE(machines[c], slot.classes[c].machines);
}

/// A machine with room for one more task costs at most this much: the dearest price there is.
double dearest(const RandomSlot& slot, double CoreClass::* price) {
  double most = 0;
  for (const CoreClass& of : slot.classes) most = std::max(most, of.*price);
  return most;
}

TEST(SlotCore, EqualsClpOnTheSameProgramme) {
  const auto clp = make_clp_solver();
  int solved = 0;
  int unrounded = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    RandomStream random(seed, Purpose::test);
    const bool coarse = random.uniform() < 0.5;
    const RandomSlot slot(random, static_cast<int>(random.integer(1, 12)), 4, coarse);
    SlotCore core = slot.core();
    SlotRelaxation weaker(slot.machines(), slot.demand());
    int workers = 0, servers = 0;
    for (int step = 0; step < 4; ++step) {
      workers = static_cast<int>(random.integer(0, 60));
      servers = static_cast<int>(random.integer(0, 30));
      const SlotCore::Outcome outcome = core.move_to(workers, servers);
      ASSERT_NE(outcome, SlotCore::Outcome::stalled) << seed;
      const auto reference =
          clp->solve(slot_hull_program(slot.classes, workers, servers, 1000)).value();
      ASSERT_EQ(outcome == SlotCore::Outcome::reached, reference.has_solution())
          << seed << ": " << workers << ", " << servers;
      if (outcome != SlotCore::Outcome::reached) continue;
      ++solved;
      const double exact = reference.solution.objective / 1000;
      const double difference = std::abs(core.bound() - exact) / std::max(exact, 1e-9);
      ASSERT_LE(difference, 1e-6) << seed << ": " << workers << ", " << servers;
      const auto relaxed = weaker.cost(workers, servers);
      ASSERT_TRUE(relaxed.has_value());
      EXPECT_GE(core.bound(), *relaxed * (1 - 1e-6));
      ASSERT_LE(core.machines_off(), 2);
      double cost = 0;
      const auto parts = core.round(cost);
      if (!parts) {
        ++unrounded;
        ASSERT_EQ(core.machines_off(), 2);
        continue;
      }
      check_parts(slot, *parts, workers, servers, cost);
      EXPECT_GE(cost, core.bound() * (1 - 1e-9));
      if (core.machines_off() < 2) {
        ASSERT_LE(cost, core.bound() * (1 + 1e-9)) << seed << ": " << workers << ", " << servers;
      }
      EXPECT_LE(cost, core.bound() + dearest(slot, &CoreClass::worker_price) +
                          dearest(slot, &CoreClass::server_price));
    }
  }
  EXPECT_GE(solved, 1000);
  EXPECT_LE(unrounded, solved / 1000);
}

// Tiny slots, where branch and bound is exact in an instant.
TEST(SlotCore, IsBetweenTheWeakerRelaxationAndTheIntegerOptimum) {
  const auto cbc = make_cbc_solver();
  int solved = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    RandomStream random(seed, Purpose::test, 7);
    const RandomSlot slot(random, 3, 1, false);
    SlotCore core = slot.core();
    const int workers = static_cast<int>(random.integer(1, 12));
    const int servers = static_cast<int>(random.integer(1, 6));
    const auto whole =
        cbc->solve(slot_integer_program(slot.classes, slot.demand(), workers, servers)).value();
    const bool reached = core.move_to(workers, servers) == SlotCore::Outcome::reached;
    if (!whole.has_solution()) continue;
    ++solved;
    ASSERT_TRUE(reached);
    const double optimum = whole.solution.objective;
    EXPECT_LE(core.bound(), optimum * (1 + 1e-7)) << seed;
    double cost = 0;
    if (core.round(cost)) {
      EXPECT_GE(cost, optimum * (1 - 1e-7)) << seed;
    }
    if (core.machines_off() < 2) {
      EXPECT_NEAR(core.bound(), optimum, 1e-7 * optimum) << seed;
    }
  }
  EXPECT_GE(solved, 50);
}

}  // namespace
}  // namespace bourse
