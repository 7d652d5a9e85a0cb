#include "bourse/policy/oasis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/scene_fixture.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;
using testing::Scene;

/// The example: E = 1, N = 4 chunks, M = 1, a chunk takes a worker one slot (10 s); two workers
/// need one server; w = s = 1. Worth 8 in the slot of arrival and 5 in the next.
JobSpec example_job(std::string name) {
  JobSpec job = gang(std::move(name), 0, 4, 4, DeadlineUtility{8, Seconds(0), 5});
  job.server = amounts({1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(10),
                                             .gradient = Bytes(0),
                                             .workers_per_server = 2,
                                             .global_batch = 4,
                                             .rate_inside = BytesPerSecond(1),
                                             .rate_across = BytesPerSecond(1)};
  job.requested_workers = 4;
  job.requested_servers = 2;
  return job;
}

OasisOptions example_options() {
  OasisOptions options;
  options.search = {.slot = Seconds(10), .horizon = Seconds(20), .slotted = true, .chunks = 4};
  options.server_machines = 1.0 / 3;
  options.normalized_units = false;
  return options;
}

// Two machines for workers, one for servers, 4 units each; T = 2; L = .1, U = 10: the price of a
// unit is .1 on an idle machine, .1 * 100^(1/2) = 1 on one half full.
//   job 1: slot 0, machine 0: 4 workers .4 + 2 servers .2 = .6, payoff 8 - .6 = 7.4;
//   job 2: slot 0, machine 1: .4 + 2 servers at 1 = 2.4, payoff 5.6;
//   job 3: slot 0 is full; slot 1 like job 1: .6, payoff 5 - .6 = 4.4;
//   job 4: slot 1 like job 2: 2.4, payoff 2.6;
//   job 5: no room in either slot.
TEST(Oasis, AdmitsFourOfFiveJobsAtTheirPrices) {
  std::vector<JobSpec> jobs;
  for (int i = 1; i <= 5; ++i) jobs.push_back(example_job("job " + std::to_string(i)));
  Scene s(cluster_of(3, {{"unit", 4}}), jobs);
  OasisOptions options = example_options();
  options.fixed_bounds = {0.1, 10};
  OasisPolicy policy(options);
  const std::vector<double> costs{0.6, 2.4, 0.6, 2.4};
  const std::vector<double> payoffs{7.4, 5.6, 4.4, 2.6};
  for (std::size_t i = 0; i < 4; ++i) {
    const Decision decision = s.arrive(policy, i);
    ASSERT_EQ(decision.reasons.size(), 1u);
    EXPECT_EQ(decision.reasons[0].code, ReasonCode::admitted) << "job " << i + 1;
    EXPECT_NEAR(decision.reasons[0].numbers[1], costs[i], 1e-9) << "job " << i + 1;
    EXPECT_NEAR(decision.reasons[0].numbers[2], payoffs[i], 1e-9) << "job " << i + 1;
    ASSERT_EQ(decision.plan.size(), 1u);
    EXPECT_EQ(decision.plan[0].from, Seconds(i < 2 ? 0 : 10));
    EXPECT_EQ(decision.plan[0].allocation,
              (Allocation{{MachineId(i % 2), 4, 0}, {MachineId(2u), 0, 2}}));
  }
  const Decision last = s.arrive(policy, 4);
  EXPECT_EQ(last.reasons.at(0).code, ReasonCode::no_schedule);
  EXPECT_EQ(last.declined, std::vector<JobId>{JobId(4u)});
}

// n = 4 worker-slots, f(T - a) = 5 at the horizon, f at best 8, all w = s = 1.
//   1 / eta1 = 4 * 1 / (2 * 8) = .25 and L1 = 5 * .25 / (4 * 4) = .078125, U1 = 8;
//   1 / eta2 = 4 * 1 / (2 * 4) = .5  and L2 = 5 * .5 / (4 * 4) = .15625, U2 = 8.
// alpha = max(1, ln(8 / .078125), ln(8 / .15625)) = 4.629. The dual at idle prices is 2 slots * (8
// * .078125 + 4 * .15625) = 2.5, half of the least utility 5.
TEST(OasisEstimator, LearnsTheBoundsOfTheExample) {
  const Cluster cluster = cluster_of(3, {{"unit", 4}});
  const SlotBookings bookings(cluster, 2);
  OasisEstimator estimator(
      bookings, oasis_units(cluster, false),
      {.slot = Seconds(10), .slot_count = 2, .horizon = Seconds(20), .slotted = true});
  for (int i = 0; i < 5; ++i) estimator.observe(example_job("job"));
  const OasisBounds bounds = estimator.bounds();
  EXPECT_NEAR(bounds.worker.lowest, 0.078125, 1e-12);
  EXPECT_NEAR(bounds.worker.highest[0], 8, 1e-12);
  EXPECT_NEAR(bounds.server.lowest, 0.15625, 1e-12);
  EXPECT_NEAR(bounds.server.highest[0], 8, 1e-12);
  EXPECT_NEAR(std::log(bounds.worker.highest[0] / bounds.worker.lowest), 4.629, 5e-4);
  EXPECT_NEAR(2 * (8 * bounds.worker.lowest + 4 * bounds.server.lowest), 2.5, 1e-12);
}

// Without machines for servers only, prices .1 to 10. Job a: 4 workers on machine 0, 2 servers on
// machine 1, as they must not share. Job b, worth nothing later: machine 1 is the cheaper one for
// workers, 4 * .1 * 100^(2/6) = 1.86; servers on machine 0 cost 2 * .1 * 100^(4/6) = 4.31; 8
// > 6.17.
TEST(Oasis, KeepsWorkersAndServersOfAJobApart) {
  std::vector<JobSpec> jobs{example_job("a"), example_job("b")};
  for (JobSpec& job : jobs) job.utility = DeadlineUtility{8, Seconds(0), 0};
  Scene s(cluster_of(2, {{"unit", 6}}), jobs);
  OasisOptions options = example_options();
  options.server_machines = 0;
  options.fixed_bounds = {0.1, 10};
  OasisPolicy policy(options);
  for (const std::size_t job : {0u, 1u}) {
    (void)s.arrive(policy, job);
    for (const TaskGroup& group : s.state.job(JobId(job)).allocation)
      EXPECT_TRUE(group.workers == 0 || group.servers == 0);
  }
  EXPECT_EQ(s.state.job(JobId(0u)).allocation,
            (Allocation{{MachineId(0u), 4, 0}, {MachineId(1u), 0, 2}}));
  EXPECT_EQ(s.state.job(JobId(1u)).allocation,
            (Allocation{{MachineId(0u), 0, 2}, {MachineId(1u), 4, 0}}));
}

TEST(Oasis, DeclinesWhatOneMachineCannotKeepApart) {
  Scene s(cluster_of(1, {{"unit", 8}}), {example_job("a")});
  OasisOptions options = example_options();
  options.server_machines = 0;
  OasisPolicy policy(options);
  EXPECT_EQ(s.arrive(policy, 0).reasons.at(0).code, ReasonCode::no_schedule);
}

// Exact time, slots of 10 s: a gang that comes at 3 starts at once on the idle cluster.
TEST(Oasis, StartsInTheMiddleOfASlot) {
  Scene s(cluster_of(1, {{"gpu", 1}}),
          {gang("a", 3, 1, 25, LinearDecayUtility{9, Seconds(0), Seconds(100)})});
  OasisOptions options;
  options.search.slot = Seconds(10);
  OasisPolicy policy(options);
  s.state.set_now(Seconds(3));
  const Decision decision = s.arrive(policy, 0);
  EXPECT_FALSE(s.state.job(JobId(0u)).allocation.empty());
  EXPECT_EQ(decision.wake_at, Seconds(10));
  EXPECT_NEAR(decision.reasons.at(0).numbers[3], 28, 1e-9);
}

// Slots of 10 s, a unit costs 1 a slot whatever is booked. A gang of 17 s that comes at 4 pays .6
// of the current slot, 1 and .1 of the last: 1.7, as much as from 10 on (1 + .7), so it starts now,
// though later would do. With a unit booked at a price that rises, from 1 to 100 when one of two is
// taken (1 * 100^(1/2) = 10), the idle machine is the cheaper one and 1.7 are paid again.
TEST(Oasis, PaysForWhatAGangHolds) {
  const Utility whenever = DeadlineUtility{100, Seconds(1000)};
  for (const double highest : {1.0, 100.0}) {
    Scene s(cluster_of(2, {{"gpu", 2}}),
            {gang("a", 4, 1, 17, whenever), gang("b", 4, 1, 17, whenever)});
    OasisOptions options;
    options.search.slot = Seconds(10);
    options.search.least_gain = 1e-5;
    options.normalized_units = false;
    options.fixed_bounds = {1, highest};
    OasisPolicy policy(options);
    s.state.set_now(Seconds(4));
    for (const std::size_t job : {0U, 1U}) {
      const Decision decision = s.arrive(policy, job);
      EXPECT_NEAR(decision.reasons.at(0).numbers[1], 1.7, 1e-9) << "job " << job;
      EXPECT_NEAR(decision.reasons.at(0).numbers[3], 21, 1e-9) << "job " << job;
      EXPECT_EQ(s.tasks(job).workers, 1) << "job " << job;
    }
  }
}

}  // namespace
}  // namespace bourse
