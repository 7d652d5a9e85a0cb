// Optimus: the fits, the counts, one decision at a time.

#include "bourse/policy/optimus.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bourse/base/random.h"
#include "bourse/policy/fixtures.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/scene_fixture.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;
using testing::Scene;

/// theta = (.01, .1, .2, .01, .005), M = 100.
SpeedModel example_model() { return {.theta = {.01, .1, .2, .01, .005}, .batch = 100}; }

JobSpec with_servers(std::string name, double arrival = 0) {
  JobSpec job = gang(std::move(name), arrival, 1, 1000);
  job.server = amounts({1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(0.01),
                                             .gradient = Bytes(100),
                                             .workers_per_server = 2,
                                             .global_batch = 100,
                                             .rate_inside = BytesPerSecond(1e4),
                                             .rate_across = BytesPerSecond(1e3)};
  job.requested_servers = 1;
  return job;
}

// f(p, w) = 1 / (.01 * 100 / w + .1 + .2 w / p + .01 w + .005 p):
//   (1, 1): 1 + .1 + .2 + .01 + .005 = 1.315          -> .76046
//   (1, 2): .5 + .1 + .4 + .02 + .005 = 1.025         -> .97561
//   (2, 1): 1 + .1 + .1 + .01 + .01 = 1.22            -> .81967
//   (2, 2): .5 + .1 + .2 + .02 + .01 = .83            -> 1.20482
//   (3, 2): .5 + .1 + .13333 + .02 + .015 = .76833    -> 1.30152
TEST(SpeedModel, IsTheFormulaOfOptimus) {
  const SpeedModel model = example_model();
  EXPECT_NEAR(model.steps_per_second({1, 1}), 0.76046, 5e-6);
  EXPECT_NEAR(model.steps_per_second({2, 1}), 0.97561, 5e-6);
  EXPECT_NEAR(model.steps_per_second({1, 2}), 0.81967, 5e-6);
  EXPECT_NEAR(model.steps_per_second({2, 2}), 1.20482, 5e-6);
  EXPECT_NEAR(model.steps_per_second({2, 3}), 1.30152, 5e-6);
  EXPECT_EQ(model.steps_per_second({0, 3}), 0);
  EXPECT_EQ(model.steps_per_second({3, 0}), 0);
}

// Speeds that follow the model are fitted exactly: ten points, five unknowns.
TEST(FitSpeed, FindsTheModelThatMadeTheSpeeds) {
  std::vector<SpeedPoint> points;
  for (const auto& [w, p] : std::vector<std::pair<int, int>>{
           {1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 2}, {4, 4}, {8, 2}, {8, 8}, {10, 5}, {5, 10}})
    points.push_back({{w, p}, example_model().steps_per_second({w, p})});
  const SpeedModel model = fit_speed(points, 100);
  for (std::size_t i = 0; i < 5; ++i)
    EXPECT_NEAR(model.theta[i], example_model().theta[i], 1e-6) << "theta " << i;
  EXPECT_NEAR(mean_relative_error(model, points), 0, 1e-6);
}

// A ring of 8 samples a step that exchanges nothing: .8 / w seconds, a shape that the model has.
TEST(FitSpeed, LeavesOutTheServersWhereThereAreNone) {
  JobSpec job = gang("ring", 0, 1, 1000);
  RingThroughput ring{.compute_per_sample = Seconds(0.1),
                      .gradient = Bytes(0),
                      .global_batch = 8,
                      .rate_inside = BytesPerSecond(4),
                      .rate_in_rack = BytesPerSecond(2),
                      .rate_across = BytesPerSecond(2)};
  job.throughput = ring;
  const SpeedModel model = fit_speed(profile_points(job), batch_of(job));
  EXPECT_EQ(model.theta[2], 0);
  EXPECT_EQ(model.theta[4], 0);
  for (int n = 1; n <= 8; ++n) EXPECT_NEAR(model.steps_per_second({n, 0}), n / 0.8, 1e-6) << n;
}

// 1 / (.2 k + .5) + .3, read without noise, comes back: b2 lies on the grid of 100 steps below the
// least loss seen, so the error is small and not zero.
TEST(FitLoss, FindsTheCurveThatMadeTheLosses) {
  const LossCurve truth{.b0 = 0.2, .b1 = 0.5, .b2 = 0.3};
  std::vector<LossPoint> points;
  for (int k = 0; k < 30; ++k) points.push_back({1.0 * k, truth.loss_at(k)});
  const auto curve = fit_loss(points);
  ASSERT_TRUE(curve.has_value());
  for (const double k : {0.0, 10.0, 29.0, 60.0})
    EXPECT_NEAR(curve->loss_at(k), truth.loss_at(k), 0.01) << k;
  EXPECT_FALSE(fit_loss(std::span(points).first(2)).has_value());
  const std::vector<LossPoint> rising{{0, 1}, {1, 2}, {2, 3}};
  EXPECT_FALSE(fit_loss(rising).has_value());
}

// l(k) = 1 / (k + 1): the fall over two epochs is 2 / ((k - 1)(k + 1)): 2 / 3, 2 / 8, 2 / 15, ...
TEST(EpochsToConverge, EndsWhereTheLossHardlyFalls) {
  const LossCurve curve{.b0 = 1, .b1 = 1, .b2 = 0};
  EXPECT_EQ(epochs_to_converge(curve, 0.7, 2, 100), 2);
  EXPECT_EQ(epochs_to_converge(curve, 0.14, 2, 100), 4);
  EXPECT_EQ(epochs_to_converge(curve, 0, 2, 100), 100);
}

// Q_a = 1000, Q_b = 100; a task takes one of 8 slots. First 1 worker and 1 server each: 4 slots.
// Time saved per slot: a +w 1315 - 1025 = 290; then +p 1025 - 830 = 195; at (2, 2) +p 830 - 768.33
// = 61.67 beats +w 56.67; then +w 90. b's best step saves a tenth of 290. All slots are taken.
TEST(OptimusCounts, GivesThreeAndThreeToTheLongJob) {
  const JobSpec a = with_servers("a");
  const JobSpec b = with_servers("b");
  const std::vector<OptimusJob> jobs{{.spec = &a, .model = example_model(), .steps_left = 1000},
                                     {.spec = &b, .model = example_model(), .steps_left = 100}};
  const ResourceVector total = amounts({8});
  for (const auto& [slots, expected] : std::vector<std::pair<double, TaskCounts>>{
           {5, {2, 1}}, {6, {2, 2}}, {7, {2, 3}}, {8, {3, 3}}}) {
    const std::vector<TaskCounts> counts = optimus_counts(jobs, amounts({slots}), total);
    EXPECT_EQ(counts[0], expected) << slots << " slots";
    EXPECT_EQ(counts[1], (TaskCounts{1, 1})) << slots << " slots";
  }
}

TEST(OptimusCounts, GivesNothingMoreThanAllowedAndSkipsWhatDoesNotFit) {
  const JobSpec a = with_servers("a");
  const JobSpec wide = gang("wide", 0, 9, 100);
  const std::vector<OptimusJob> jobs{{.spec = &wide},
                                     {.spec = &a, .model = example_model(), .steps_left = 1000}};
  const std::vector<TaskCounts> counts = optimus_counts(jobs, amounts({8}), amounts({8}), 2);
  EXPECT_EQ(counts[0], (TaskCounts{0, 0}));
  EXPECT_EQ(counts[1].workers, 2);
}

// 10 GPUs: the job with servers and the gang of 2 arrive at 0. The gang starts on arrival; the
// other waits for the round, at the same instant. Next round after 600 s.
TEST(Optimus, StartsGangsAtOnceAndTheRestInRounds) {
  Scene s(cluster_of(2, {{"gpu", 5}}), {with_servers("ps"), gang("gang", 0, 2, 100)});
  OptimusPolicy policy({});
  EXPECT_TRUE(s.arrive(policy, 0).changes.empty());
  EXPECT_EQ(s.arrive(policy, 1).wake_at, Seconds(0));
  EXPECT_EQ(s.tasks(1), (TaskCounts{2, 0}));
  EXPECT_EQ(s.wake(policy, 0).wake_at, Seconds(600));
  EXPECT_EQ(s.tasks(1), (TaskCounts{2, 0}));
  EXPECT_GE(s.tasks(0).workers, 1);
  EXPECT_GE(s.tasks(0).servers, 1);
  EXPECT_LE(s.tasks(0).workers + s.tasks(0).servers, 8);
}

// 4 workers and 4 servers on machines of 4 slots: two machines hold 2 + 2 each.
TEST(Optimus, SpreadsTasksEvenlyOverTheFewestMachines) {
  Scene s(cluster_of(3, {{"gpu", 4}}), {with_servers("ps")});
  OptimusPolicy policy({.max_workers = 4});
  (void)s.arrive(policy, 0);
  (void)s.wake(policy, 0);
  const Allocation& held = s.state.job(JobId(0u)).allocation;
  ASSERT_GE(held.size(), 2u);
  for (std::size_t i = 1; i < held.size(); ++i) {
    EXPECT_LE(std::abs(held[i].workers - held[0].workers), 1);
    EXPECT_LE(std::abs(held[i].servers - held[0].servers), 1);
  }
}

TEST(Optimus, KeepsTheMachinesOfAJobWhoseTasksStay) {
  JobSpec job = with_servers("ps");
  job.samples = 1e6;
  Scene s(cluster_of(3, {{"gpu", 4}}), {job});
  OptimusPolicy policy({});
  (void)s.arrive(policy, 0);
  (void)s.wake(policy, 0);
  EXPECT_TRUE(s.wake(policy, 600).changes.empty());
}

}  // namespace
}  // namespace bourse
