#include "bourse/policy/forecast.h"

#include <gtest/gtest.h>

#include <vector>

namespace bourse {
namespace {

/// A gang that takes `hours`, arriving at hour `arrival`.
JobSpec gang(double arrival, double hours) {
  JobSpec job;
  job.arrival = Seconds(arrival * 3600);
  job.samples = hours * 3600;
  job.worker = {kAmountsPerUnit};
  job.server = {0};
  job.throughput = RigidThroughput{.workers = 1};
  return job;
}

std::vector<Seconds> hours(std::initializer_list<double> values) {
  std::vector<Seconds> times;
  for (const double value : values) times.emplace_back(value * 3600);
  return times;
}

double weight_of(const std::vector<ExpectedJob>& jobs) {
  double sum = 0;
  for (const ExpectedJob& job : jobs) sum += job.weight;
  return sum;
}

constexpr ForecastOptions kNeverForgets{.grain = Seconds(3600), .memory = Seconds(1e12)};

TEST(ArrivalForecast, ExpectsNothingBeforeTheFirstArrivalWithoutAHistory) {
  const ArrivalForecast forecast(kNeverForgets, {}, Seconds(0));
  EXPECT_EQ(forecast.rate(Seconds(0)), 0);
  EXPECT_TRUE(forecast.expect(Seconds(0), hours({0, 1}), kForever, 10).empty());
}

// Three jobs in hours 0, 0 and 1, an hour being the grain: at hour 1 they stand for two hours, so
// 1.5 an hour are expected, in the next two hours three, one like each of the three.
TEST(ArrivalForecast, ExpectsTheMeanRateAndEachJobAlike) {
  ArrivalForecast forecast(kNeverForgets, {}, Seconds(0));
  forecast.observe(gang(0, 1));
  forecast.observe(gang(0, 2));
  forecast.observe(gang(1, 3));
  EXPECT_NEAR(forecast.rate(Seconds(3600)) * 3600, 1.5, 1e-6);
  const auto jobs = forecast.expect(Seconds(3600), hours({2, 3, 4}), kForever, 100);
  ASSERT_EQ(jobs.size(), 6U);
  for (const ExpectedJob& job : jobs) EXPECT_NEAR(job.weight, 0.5, 1e-6);
  EXPECT_EQ(jobs[0].arrival, Seconds(7200));
  EXPECT_EQ(jobs[3].arrival, Seconds(10800));
}

// A job of an hour that arrives at hour 2 is done by hour 3, one of two hours is not.
TEST(ArrivalForecast, LeavesOutJobsThatCannotBeDoneInTime) {
  ArrivalForecast forecast(kNeverForgets, {}, Seconds(0));
  forecast.observe(gang(0, 1));
  forecast.observe(gang(0, 2));
  const auto jobs = forecast.expect(Seconds(0), hours({2, 3}), Seconds(3 * 3600.0), 100);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_NEAR(jobs[0].weight, 1, 1e-6);
  EXPECT_EQ(jobs[0].spec->samples, 3600);
}

// After one memory (an hour) the first arrival counts half: 1.5 arrivals stand for
// (1 - 2^-2) / ln 2 = 1.082 hours.
TEST(ArrivalForecast, OldArrivalsCountLess) {
  ArrivalForecast forecast({.grain = Seconds(3600), .memory = Seconds(3600)}, {}, Seconds(0));
  forecast.observe(gang(0, 1));
  forecast.observe(gang(1, 1));
  EXPECT_NEAR(forecast.rate(Seconds(3600)) * 3600, 1.5 / 1.08202, 1e-4);
}

// A history of 4 jobs in 2 hours, counted as one hour: 2 jobs. One seen job in one hour: together 3
// in 2 hours. Two thirds of what is expected is like the history.
TEST(ArrivalForecast, TheHistoryCountsForItsWeightOnly) {
  ForecastOptions options = kNeverForgets;
  options.history_weight = Seconds(3600);
  ArrivalForecast forecast(options, {gang(0, 5), gang(0, 5), gang(1, 5), gang(1, 5)},
                           Seconds(7200));
  EXPECT_NEAR(forecast.rate(Seconds(0)) * 3600, 2, 1e-6);
  forecast.observe(gang(0, 1));
  EXPECT_NEAR(forecast.rate(Seconds(0)) * 3600, 1.5, 1e-6);
  double like_history = 0;
  for (const ExpectedJob& job : forecast.expect(Seconds(0), hours({1, 2}), kForever, 100))
    if (job.spec->samples == 5 * 3600) like_history += job.weight;
  EXPECT_NEAR(like_history, 1, 1e-6);
}

TEST(ArrivalForecast, FewJobsStandForManyWithTheSameTotalWeight) {
  ArrivalForecast forecast(kNeverForgets, {}, Seconds(0));
  for (int i = 0; i < 100; ++i) forecast.observe(gang(0, 1 + i));
  const auto times = hours({1, 2, 3, 4, 5});
  const auto all = forecast.expect(Seconds(0), times, kForever, 1000);
  const auto few = forecast.expect(Seconds(0), times, kForever, 40);
  EXPECT_EQ(all.size(), 400U);
  EXPECT_LE(few.size(), 44U);
  EXPECT_NEAR(weight_of(few), weight_of(all), 0.11 * weight_of(all));
}

TEST(ArrivalForecast, KeepsTheLatestArrivalsAsTemplatesButTheRateOfAll) {
  ForecastOptions options = kNeverForgets;
  options.templates = 2;
  ArrivalForecast forecast(options, {}, Seconds(0));
  for (int i = 0; i < 6; ++i) forecast.observe(gang(0, 1 + i));
  const auto jobs = forecast.expect(Seconds(0), hours({1, 2}), kForever, 100);
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_NEAR(weight_of(jobs), 6, 1e-4);
  EXPECT_EQ(jobs[0].spec->samples, 5 * 3600);
}

}  // namespace
}  // namespace bourse
