#include "bourse/policy/bid_prices.h"

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/pd_ors.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

/// Prices for one machine of 4 GPUs and hours of one minute, with nothing booked.
struct World {
  explicit World(std::vector<JobSpec> specs, const std::vector<JobSpec>& history = {},
                 double trust = 1)
      : jobs(std::move(specs)),
        ledger(cluster),
        state(cluster, jobs),
        prices({.learned = {.bounds = {.slot = Seconds(60), .slot_count = 10},
                            .fixed_bounds = {{1e-9, 1e-8}}},
                .forecast = {.grain = Seconds(60), .history_weight = Seconds(600)},
                .slot = Seconds(60),
                .horizon = Seconds(600),
                .evaluations = 100,
                .trust = trust},
               history, Seconds(600)) {
    prices.start(cluster);
  }
  void arrive(std::size_t job) {
    state.set_now(jobs[job].arrival);
    state.arrive(JobId(job));
    prices.arrive(state, ledger, JobId(job));
  }
  [[nodiscard]] double gpu_price(SlotIndex slot) const {
    return prices.unit_prices(ledger, ledger.states(slot)[0], slot)[0];
  }

  Cluster cluster = cluster_of(1, {{"gpu", 4}});
  std::vector<JobSpec> jobs;
  Ledger ledger;
  ClusterState state;
  BidPrices prices;
};

TEST(BidPrices, AreZeroBeforeAnythingIsKnown) {
  World world({});
  world.prices.prepare(world.state, world.ledger, 0, {});
  EXPECT_NEAR(world.gpu_price(0), 1e-9, 1e-12);
}

// The history has ten jobs in ten minutes, each worth 8 for one slot of the whole machine: as many
// as there is room for. Two more like them that wait can only be had instead of one of those, so a
// machine-slot (4 GPUs, one price unit) is worth 8.
TEST(BidPrices, AreWhatAMachineIsWorthToTheJobsExpected) {
  std::vector<JobSpec> history;
  for (int i = 0; i < 10; ++i) history.push_back(gang("h", 60.0 * i, 4, 60, ConstantUtility{8}));
  World world({gang("a", 0, 4, 60, ConstantUtility{8}), gang("b", 0, 4, 60, ConstantUtility{8}),
               gang("c", 0, 4, 60, ConstantUtility{8}), gang("d", 0, 4, 60, ConstantUtility{8})},
              history);
  for (std::size_t i = 0; i < 4; ++i) world.arrive(i);
  const std::vector<JobId> waiting{JobId(0u), JobId(1u), JobId(2u), JobId(3u)};
  world.prices.prepare(world.state, world.ledger, 0, waiting);
  EXPECT_NEAR(world.gpu_price(3), 8, 0.2);
}

// One job in ten minutes leaves nine slots empty: room is worth nothing.
TEST(BidPrices, AreNothingWhereThereIsRoomForAll) {
  World world({gang("a", 0, 4, 60, ConstantUtility{8})}, {gang("h", 0, 4, 60, ConstantUtility{8})});
  world.arrive(0);
  world.prices.prepare(world.state, world.ledger, 0, std::vector<JobId>{JobId(0u)});
  EXPECT_LT(world.gpu_price(5), 0.5);
}

TEST(BidPrices, AreLeftAsideOnceTooMuchIsForgone) {
  World world({gang("a", 0, 4, 60, ConstantUtility{8})});
  world.arrive(0);
  world.prices.forgo(JobId(0u), 8);
  EXPECT_TRUE(world.prices.is_trusted());  // 8 <= 0 + u_max
  world.prices.forgo(JobId(1u), 1);
  EXPECT_FALSE(world.prices.is_trusted());
  EXPECT_FALSE(world.prices.prices_without_bids(world.ledger, world.jobs[0]).has_value());
  world.prices.earn(JobId(2u), 1);
  EXPECT_TRUE(world.prices.is_trusted());  // 9 <= 1 + 8
  world.prices.earn(JobId(0u), 8);         // Admitted after all: no longer forgone.
  EXPECT_DOUBLE_EQ(world.prices.forgone(), 1);
  EXPECT_DOUBLE_EQ(world.prices.earned(), 9);
}

// The law in the class comment, for any order of jobs, under the rule that jobs are only forgone
// while bids are trusted.
RC_GTEST_PROP(BidPrices, ForgoAtMostTheirTrustAndTwoJobs, ()) {
  const double trust = *rc::gen::inRange(0, 30) / 10.0;
  std::vector<JobSpec> jobs;
  const auto values = *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 100));
  for (const int value : values) jobs.push_back(gang("a", 0, 1, 60, ConstantUtility{1.0 * value}));
  World world(jobs, {}, trust);
  double largest = 0;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    world.arrive(i);
    largest = std::max(largest, 1.0 * values[i]);
    const bool is_declined = *rc::gen::arbitrary<bool>();
    if (is_declined && world.prices.is_trusted())
      world.prices.forgo(JobId(i), values[i]);
    else
      world.prices.earn(JobId(i), values[i]);
    RC_ASSERT(world.prices.forgone() <= trust * world.prices.earned() + 2 * largest + 1e-9);
  }
}

}  // namespace
}  // namespace bourse
