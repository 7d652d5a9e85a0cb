#include "bourse/service/throughput_fit.h"

#include <gtest/gtest.h>

#include <variant>
#include <vector>

namespace bourse {
namespace {

ObservedSpeed seen(TaskCounts tasks, double samples_per_second, double compute, double exchange,
                   Locality locality = Locality::machine) {
  return {.tasks = tasks,
          .locality = locality,
          .samples_per_second = samples_per_second,
          .seconds = 60,
          .each = {.compute = Seconds(compute), .exchange = Seconds(exchange)}};
}

/// Declared: tau 10 ms; exchange (2/8) * 2000 bytes: 5 ms inside a machine, 50 ms across.
ParameterServerThroughput with_servers() {
  return {.compute_per_sample = Seconds(0.01),
          .gradient = Bytes(1000),
          .workers_per_server = 2,
          .global_batch = 8,
          .rate_inside = BytesPerSecond(1e5),
          .rate_across = BytesPerSecond(1e4)};
}

/// Declared: tau 10 ms; a step of two workers exchanges for 1000 / rate = 10 ms inside a machine.
RingThroughput of_a_ring() {
  return {.compute_per_sample = Seconds(0.01),
          .gradient = Bytes(1000),
          .global_batch = 10,
          .rate_inside = BytesPerSecond(1e5),
          .rate_in_rack = BytesPerSecond(5e4),
          .rate_across = BytesPerSecond(1e4)};
}

// 4 workers at 100 samples a second: 10 ms a sample, 20 ms / 4 computing, 2 ms exchange, 3 ms rest.
// 2 workers with servers: 20 / 2 + 2 + 3 = 15 ms; a ring: 20 / 2 + 2 (1/2) / (3/4) + 3 ms.
TEST(ExpectedSpeed, IsThatOfComputationExchangeAndTheRest) {
  EXPECT_NEAR(1 / expected_speed(seen({4, 1}, 100, 0.020, 0.002), 2), 0.015, 1e-12);
  EXPECT_NEAR(1 / expected_speed(seen({4, 0}, 100, 0.020, 0.002), 2), 0.013 + 0.004 / 3, 1e-12);
  EXPECT_NEAR(expected_speed(seen({4, 0}, 100, 0.020, 0.002), 4), 100, 1e-9);
}

TEST(ExpectedSpeed, OfOneWorkerOfARingHasNoExchange) {
  EXPECT_NEAR(1 / expected_speed(seen({4, 0}, 100, 0.020, 0.002), 1), 0.023, 1e-12);
  // What exchange would take is not known: 10 ms are 8 of computation, and 2 of the rest.
  EXPECT_NEAR(1 / expected_speed(seen({1, 0}, 100, 0.008, 0.001), 2), 0.006, 1e-12);
}

// More than there is: clocks of several processes need not agree.
TEST(ExpectedSpeed, TakesNoMoreTimeThanThereWas) {
  EXPECT_NEAR(1 / expected_speed(seen({2, 1}, 100, 0.030, 0.002), 4), 0.005, 1e-12);
  EXPECT_NEAR(1 / expected_speed(seen({2, 1}, 100, 0.010, 0.009), 1), 0.015, 1e-12);
}

TEST(ExpectedSpeed, IsUnknownWithoutTimes) {
  EXPECT_EQ(expected_speed(seen({2, 1}, 100, 0, 0), 4), 0);
  EXPECT_EQ(expected_speed(seen({2, 1}, 0, 0.010, 0), 4), 0);
}

// Two workers at 80 samples a second: q is 25 ms. Measured tau is 15 ms, so exchange takes 10 in
// the place of 5 ms, and 100 in the place of 50 across machines.
TEST(Fitted, ServersHaveTheMeasuredTauAndTheRestIsExchange) {
  const std::vector<ObservedSpeed> points{seen({2, 1}, 80, 0.015, 0.004)};
  const Throughput fit = fitted(with_servers(), points);
  EXPECT_NEAR(samples_per_second(fit, {2, 1}, Locality::machine), 80, 1e-9);
  EXPECT_NEAR(samples_per_second(fit, {4, 2}, Locality::cluster), 4 / 0.115, 1e-9);
}

// A step of two takes 10 / 100 s: 10 * 16 ms / 2 = 80 ms of computation, so 20 of exchange in the
// place of 10. One worker computes 16 ms a sample.
TEST(Fitted, RingsHaveTheMeasuredTauAndTheRestIsExchange) {
  const std::vector<ObservedSpeed> points{seen({2, 0}, 100, 0.016, 0.001)};
  const Throughput fit = fitted(of_a_ring(), points);
  EXPECT_NEAR(samples_per_second(fit, {2, 0}, Locality::machine), 100, 1e-9);
  EXPECT_NEAR(samples_per_second(fit, {1, 0}, Locality::machine), 1 / 0.016, 1e-9);
  EXPECT_NEAR(samples_per_second(fit, {2, 0}, Locality::rack), 10 / 0.120, 1e-9);
}

TEST(Fitted, OneWorkerOfARingComputesAllTheTime) {
  const std::vector<ObservedSpeed> points{seen({1, 0}, 50, 0.016, 0)};
  const auto fit = std::get<RingThroughput>(fitted(of_a_ring(), points));
  EXPECT_NEAR(fit.compute_per_sample.value, 0.020, 1e-12);
  EXPECT_EQ(fit.rate_inside.value, 1e5);
}

// tau of 10 and 20 ms for the same time: 15. Exchange of 10 and 40 ms beside 5 declared: times 4.
TEST(Fitted, SeveralPointsAreWeighedByTime) {
  const std::vector<ObservedSpeed> points{seen({2, 1}, 100, 0.010, 0),
                                          seen({4, 2}, 4 / 0.06, 0.020, 0)};
  const auto fit = std::get<ParameterServerThroughput>(fitted(with_servers(), points));
  EXPECT_NEAR(fit.compute_per_sample.value, 0.015, 1e-12);
  EXPECT_NEAR(fit.rate_inside.value, 1e5 / 4, 1e-6);
}

TEST(Fitted, PointsWithoutTimesAndOtherShapesChangeNothing) {
  const std::vector<ObservedSpeed> points{seen({2, 1}, 80, 0, 0)};
  EXPECT_FALSE(can_fit(with_servers(), points));
  const auto same = std::get<ParameterServerThroughput>(fitted(with_servers(), points));
  EXPECT_EQ(same.compute_per_sample, Seconds(0.01));
  EXPECT_FALSE(can_fit(RigidThroughput{}, std::vector{seen({1, 0}, 1, 1, 0)}));
}

// No server serves them, by the formula: their speed says nothing of it.
TEST(Fitted, PointsThatTheFormulaRulesOutAreLeftOut) {
  const std::vector<ObservedSpeed> points{seen({2, 0}, 80, 0.015, 0.004)};
  EXPECT_FALSE(can_fit(with_servers(), points));
  const auto same = std::get<ParameterServerThroughput>(fitted(with_servers(), points));
  EXPECT_EQ(same.compute_per_sample, Seconds(0.01));
}

TEST(Scaled, IsComputationAndLinksAlike) {
  const ParameterServerThroughput declared = with_servers();
  const TaskCounts tasks{4, 2};
  const double before = samples_per_second(declared, tasks, Locality::cluster);
  EXPECT_NEAR(samples_per_second(scaled(declared, 3), tasks, Locality::cluster), 3 * before, 1e-9);
}

}  // namespace
}  // namespace bourse
