#include "bourse/service/observed_speeds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace bourse {
namespace {

const TableThroughput kTable{
    .points = {{1, 0, Locality::cluster, 10}, {2, 0, Locality::cluster, 18}}};

double speed(const Throughput& throughput, int workers) {
  return samples_per_second(throughput, {workers, 0}, Locality::machine);
}

TEST(ObservedSpeeds, ChangeNothingWhileNothingWasObserved) {
  EXPECT_DOUBLE_EQ(speed(ObservedSpeeds().correct(kTable), 2), 18);
}

// 50 samples in 10 s is 5 a second where 10 were declared: half. Two workers were not seen, so they
// are corrected by the same factor: 9.
TEST(ObservedSpeeds, CorrectWhatWasNotSeenByTheFactorOfWhatWas) {
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::cluster, 50, Seconds(10));
  EXPECT_NEAR(speed(speeds.correct(kTable), 1), 5, 1e-9);
  EXPECT_NEAR(speed(speeds.correct(kTable), 2), 9, 1e-9);
}

// Factors 1/2 on one machine and 2 across, with equal weights: their geometric mean is 1.
TEST(ObservedSpeeds, WeighFactorsByTime) {
  const RingThroughput declared{.compute_per_sample = Seconds(0.1),
                                .gradient = Bytes(0),
                                .global_batch = 8,
                                .rate_inside = BytesPerSecond(1),
                                .rate_in_rack = BytesPerSecond(1),
                                .rate_across = BytesPerSecond(1)};
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::machine, 50, Seconds(10));
  speeds.observe({2, 0}, Locality::cluster, 400, Seconds(10));
  EXPECT_NEAR(samples_per_second(speeds.correct(declared), {4, 0}, Locality::rack), 40, 1e-9);
}

/// Declared speeds in proportion to the workers.
TableThroughput straight() {
  TableThroughput table;
  for (int workers = 1; workers <= 16; ++workers)
    table.points.push_back({workers, 0, Locality::cluster, 10.0 * workers});
  return table;
}

// As declared with one and two workers, a half of it with eight: a factor of 1, 1 and 1/2. With
// four, half way between two and eight, it is the root of 1/2.
TEST(ObservedSpeeds, FollowTheFactorsBetweenSizesThatWereSeen) {
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::cluster, 10, Seconds(1));
  speeds.observe({2, 0}, Locality::cluster, 20, Seconds(1));
  speeds.observe({8, 0}, Locality::cluster, 40, Seconds(1));
  EXPECT_NEAR(speed(speeds.correct(straight()), 4), 40 * std::sqrt(0.5), 1e-9);
}

// Two processors: no more than two workers are of use. With 1, 2 and 4 the factors are 1, 1 and
// 1/2, so that each doubling halves it: eight are as fast as two.
TEST(ObservedSpeeds, GoOnAsBetweenTheTwoLargestSizes) {
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::cluster, 10, Seconds(1));
  speeds.observe({2, 0}, Locality::cluster, 20, Seconds(1));
  EXPECT_NEAR(speed(speeds.correct(straight()), 8), 80, 1e-9);
  speeds.observe({4, 0}, Locality::cluster, 20, Seconds(1));
  EXPECT_NEAR(speed(speeds.correct(straight()), 8), 20, 1e-9);
  EXPECT_NEAR(speed(speeds.correct(straight()), 16), 20, 1e-9);
}

// A factor of 1/2 and then of 1: it does not go on to 2.
TEST(ObservedSpeeds, PromiseNoBetterScalingThanWasDeclared) {
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::cluster, 5, Seconds(1));
  speeds.observe({2, 0}, Locality::cluster, 20, Seconds(1));
  EXPECT_NEAR(speed(speeds.correct(straight()), 4), 40, 1e-9);
}

// After 300 s at speed 4 the older 300 s at speed 2 count half: (2 * 150 + 4 * 300) / 450 = 3.33.
TEST(ObservedSpeeds, LetNewerTimeCountMore) {
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::machine, 600, Seconds(300));
  speeds.observe({1, 0}, Locality::machine, 1200, Seconds(300));
  ASSERT_EQ(speeds.points().size(), 1U);
  EXPECT_NEAR(speeds.points()[0].samples_per_second, 1500.0 / 450, 1e-9);
  EXPECT_NEAR(speeds.speed_of({1, 0}, Locality::machine), 1500.0 / 450, 1e-9);
  EXPECT_EQ(speeds.speed_of({2, 0}, Locality::machine), 0);
}

// Slots of 10 s: after 10 s at speed 4 the older 10 s at speed 2 count half: (2 * 5 + 4 * 10) / 15.
TEST(ObservedSpeeds, ForgetWithinASlot) {
  ObservedSpeeds speeds;
  speeds.observe({1, 0}, Locality::machine, 20, Seconds(10), {}, Seconds(10));
  speeds.observe({1, 0}, Locality::machine, 40, Seconds(10), {}, Seconds(10));
  EXPECT_NEAR(speeds.speed_of({1, 0}, Locality::machine), 50.0 / 15, 1e-9);
}

/// Where the time of a sample went, in milliseconds.
SampleTime times(double compute, double exchange) {
  return {.compute = Seconds(compute / 1e3), .exchange = Seconds(exchange / 1e3)};
}

// A ring of two trains 100 samples a second: 10 ms each, of which 16 / 2 are computation, 1 is
// exchange and 1 the rest. One worker has no exchange: 16 + 1 ms. Declared: half of two.
TEST(ObservedSpeeds, PredictFewerWorkersFromWhereTheTimeGoes) {
  ObservedSpeeds speeds;
  speeds.observe({2, 0}, Locality::cluster, 1000, Seconds(10), times(16, 1));
  EXPECT_NEAR(speed(speeds.correct(straight()), 1), 1e3 / 17, 1e-9);
  EXPECT_NEAR(speed(speeds.correct(straight()), 2), 100, 1e-9);
}

// With four: 16 / 4 + 1 * (3/4) / (1/2) + 1 = 6.5 ms, and not half of ten. A table that declares
// less than that is believed: 30 for the 20 of two workers are 150 for 100.
TEST(ObservedSpeeds, PromiseNoMoreOfMoreWorkersThanWhereTheTimeGoesAllows) {
  ObservedSpeeds speeds;
  speeds.observe({2, 0}, Locality::cluster, 1000, Seconds(10), times(16, 1));
  EXPECT_NEAR(speed(speeds.correct(straight()), 4), 1e3 / 6.5, 1e-9);
  const TableThroughput flat{
      .points = {{2, 0, Locality::cluster, 20}, {4, 0, Locality::cluster, 30}}};
  EXPECT_NEAR(speed(speeds.correct(flat), 4), 150, 1e-9);
}

// Newer time counts as it does for the speed; a report without times leaves them as they are.
TEST(ObservedSpeeds, KeepTheMeanOfTimes) {
  ObservedSpeeds speeds;
  speeds.observe({2, 0}, Locality::cluster, 600, Seconds(300), times(6, 3));
  speeds.observe({2, 0}, Locality::cluster, 1200, Seconds(300), times(3, 0));
  speeds.observe({2, 0}, Locality::cluster, 1, Seconds(1));
  ASSERT_EQ(speeds.points().size(), 1U);
  EXPECT_NEAR(speeds.points()[0].each.compute.value, 4e-3, 1e-12);
  EXPECT_NEAR(speeds.points()[0].each.exchange.value, 1e-3, 1e-12);
  EXPECT_EQ(ObservedSpeeds::parse(speeds.text()).text(), speeds.text());
}

TEST(ObservedSpeeds, LeaveGangsAlone) {
  ObservedSpeeds speeds;
  speeds.observe({2, 0}, Locality::machine, 5, Seconds(10));
  const Throughput corrected = speeds.correct(RigidThroughput{2, 0});
  EXPECT_DOUBLE_EQ(samples_per_second(corrected, {2, 0}, Locality::machine), 1);
}

TEST(ObservedSpeeds, ReadBackWhatTheyWrote) {
  ObservedSpeeds speeds;
  speeds.observe({3, 1}, Locality::rack, 70, Seconds(10));
  speeds.observe({1, 1}, Locality::machine, 30, Seconds(10));
  const ObservedSpeeds again = ObservedSpeeds::parse(speeds.text());
  EXPECT_EQ(again.text(), speeds.text());
  EXPECT_EQ(again.points().size(), 2U);
}

// A job whose members were all told to end runs with nobody, and one of them reports once more.
TEST(ObservedSpeeds, KnowNoSpeedOfNoWorkers) {
  ObservedSpeeds speeds;
  speeds.observe({0, 0}, Locality::machine, 2, Seconds(1));
  EXPECT_TRUE(speeds.points().empty());
  EXPECT_TRUE(ObservedSpeeds::parse("[[0,0,0,2.0,4.0]]").points().empty());
}

// A slot is 10 s. 8 s at 5 a second where 4 were predicted, 4 s more of the same slot; then another
// slot with what was learned, and one with other tasks.
TEST(ObservedSpeeds, CompareEachSlotWithWhatWasPredictedWhenItBegan) {
  ObservedSpeeds speeds;
  const Seconds slot(10);
  speeds.compare({1, 0}, 4, 40, Seconds(8), slot);
  speeds.compare({1, 0}, 4.9, 8, Seconds(4), slot);
  speeds.compare({1, 0}, 5, 55, Seconds(11), slot);
  speeds.compare({2, 0}, 9, 27, Seconds(3), slot);
  speeds.compare({2, 0}, 9, 27, Seconds(0), slot);
  ASSERT_EQ(speeds.stretches().size(), 3U);
  EXPECT_DOUBLE_EQ(speeds.stretches()[0].predicted, 4);
  EXPECT_DOUBLE_EQ(speeds.stretches()[0].measured(), 4);  // 48 samples in 12 s.
  EXPECT_DOUBLE_EQ(speeds.stretches()[1].measured(), 5);
  EXPECT_DOUBLE_EQ(speeds.stretches()[2].measured(), 9);
  EXPECT_EQ(ObservedSpeeds::parse(speeds.text()).text(), speeds.text());
}

TEST(ObservedSpeeds, KeepTheLatestStretches) {
  ObservedSpeeds speeds;
  for (int i = 0; i < 60; ++i) speeds.compare({1, 0}, i, 1, Seconds(1), Seconds(1));
  EXPECT_EQ(speeds.stretches().size(), ObservedSpeeds::kMostStretches);
  EXPECT_DOUBLE_EQ(speeds.stretches().front().predicted, 10);
}

TEST(ObservedSpeeds, ReadWhatAnEarlierVersionWrote) {
  EXPECT_EQ(ObservedSpeeds::parse("[[1,0,0,2.0,4.0]]").points().size(), 1U);
}

TEST(ObservedSpeeds, TakeATextThatIsNoneForNothingObserved) {
  EXPECT_TRUE(ObservedSpeeds::parse("").points().empty());
  EXPECT_TRUE(ObservedSpeeds::parse("[[1,2]]").points().empty());
  EXPECT_TRUE(ObservedSpeeds::parse("[[1,0,7,1.0,1.0]]").points().empty());
}

}  // namespace
}  // namespace bourse
