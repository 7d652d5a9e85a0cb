#include "bourse/policy/ones.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/ones_limits.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

AdaptiveThroughput law(int base_batch, double base_rate, double max_rate) {
  return {.step_fixed = Seconds(0.02),
          .step_per_sample = Seconds(0.0005),
          .sync_inside = Seconds(0.01),
          .sync_across = Seconds(0.03),
          .base_batch = base_batch,
          .requested_batch = base_batch,
          .max_batch_per_worker = 2048,
          .max_workers = 64,
          .noise_scale = 4000,
          .epoch_samples = 20000,
          .base_learning_rate = base_rate,
          .max_learning_rate = max_rate};
}

// Base 256 at 0.005, at most 0.08: sixteen workers reach it. 4096 / 24 = 170, in all 4080.
TEST(OnesBatch, GrowsWithTheWorkersAndFreezesAtTheLargestRate) {
  const AdaptiveThroughput job = law(256, 0.005, 0.08);
  const auto expect = [&](int workers, int per_worker, int global, double rate) {
    const OnesBatch batch = ones_batch(job, workers);
    EXPECT_EQ(batch.per_worker, per_worker);
    EXPECT_EQ(batch.global, global);
    EXPECT_DOUBLE_EQ(batch.learning_rate, rate);
  };
  expect(1, 256, 256, 0.005);
  expect(4, 256, 1024, 0.02);
  expect(16, 256, 4096, 0.08);
  expect(24, 170, 4080, 0.08);
  expect(32, 128, 4096, 0.08);
}

// 2 n / (run / median + 1): 21.3, 16, 8.7 and 11, down to whole numbers and up to even ones.
TEST(ScaledDownLimit, CutsJobsThatHaveRunLong) {
  EXPECT_FALSE(scaled_down_limit(32, 100, 100));
  EXPECT_EQ(scaled_down_limit(32, 200, 100), 22);
  EXPECT_EQ(scaled_down_limit(32, 300, 100), 16);
  EXPECT_EQ(scaled_down_limit(48, 1000, 100), 8);
  EXPECT_EQ(scaled_down_limit(33, 500, 100), 12);
}

TEST(ScaledUpLimit, DoublesWhatIsUsedUp) {
  EXPECT_EQ(scaled_up_limit(4, 4, 64), 8);
  EXPECT_EQ(scaled_up_limit(4, 2, 64), 4);
  EXPECT_EQ(scaled_up_limit(48, 48, 64), 64);
  EXPECT_EQ(left_out_limit(9, 1), 4);
  EXPECT_EQ(left_out_limit(1, 1), 1);
}

// Beta(2, 3) has the density 12 x (1 - x)^2: 1.5 at 1/2.
TEST(BetaLoss, IsMinusTheLogOfTheDensityAndItsDerivative) {
  EXPECT_NEAR(beta_loss(2, 3, 0.5).value, -std::log(1.5), 1e-9);
  const double h = 1e-5;
  const double slope = (beta_loss(7, 4 + h, 0.3).value - beta_loss(7, 4 - h, 0.3).value) / (2 * h);
  EXPECT_NEAR(beta_loss(7, 4, 0.3).by_b, slope, 1e-6);
}

std::vector<FinishedReport> reports_of(std::size_t job, int total) {
  std::vector<FinishedReport> rows;
  for (int e = 1; e <= total; e += 2)
    rows.push_back(
        {simulated_report(5, JobId(job), 20000, e, 1.0 * e / total), static_cast<double>(total)});
  return rows;
}

/// Mean error of the epochs left over jobs that were not in the history.
double mean_error(const ProgressModel& model, double constant) {
  double sum = 0;
  int count = 0;
  for (std::size_t job = 100; job < 112; ++job) {
    const int total = 20 + static_cast<int>(job * 7 % 30);
    for (const FinishedReport& row : reports_of(job, total)) {
      const double guess = constant > 0 ? constant : model.epochs_left(row.report);
      sum += std::abs(guess - (total - row.report.epochs_done));
      ++count;
    }
  }
  return sum / count;
}

ProgressModel fitted_model() {
  ProgressModel model({.hidden = 16, .passes = 40});
  for (std::size_t job = 0; job < 20; ++job)
    model.add(reports_of(job, 20 + static_cast<int>(job * 7 % 30)));
  model.fit_if_grown();
  return model;
}

TEST(ProgressModel, TakesHalfForDoneUntilAJobHasFinished) {
  const ProgressModel model({});
  EXPECT_EQ(model.epochs_left({.epochs_done = 7}), 7);
}

// 15 is about the mean of what is left over all reports.
TEST(ProgressModel, BeatsAConstantOnJobsItHasNotSeen) {
  const ProgressModel model = fitted_model();
  EXPECT_LT(mean_error(model, 0), 0.8 * mean_error(model, 15));
}

// Mended (a): the artifact trains with ln D and predicts with D. Here jobs of a small D take 10
// epochs and those of a large one 40, which only D tells apart after the first of them.
TEST(OnesMended, SeesTheSameFeaturesInUseAsInTraining) {
  ProgressModel model({.hidden = 16, .passes = 100});
  const auto report_of = [](double epoch_samples) {
    return EpochReport{.epoch_samples = epoch_samples, .loss = 0.9, .accuracy = 0.1};
  };
  for (int job = 0; job < 20; ++job) model.add({{report_of(1e3), 10}, {report_of(1e6), 40}});
  model.fit_if_grown();
  EXPECT_NEAR(model.epochs_left(report_of(1e3)), 9, 2);
  EXPECT_NEAR(model.epochs_left(report_of(1e6)), 39, 6);
}

// Mended (e): the artifact starts every fit with new weights and the moments of Adam of the last
// one. Here a second fit is the same as if there had been no first.
TEST(OnesMended, StartsWeightsAndMomentsAnewWithEveryFit) {
  const ProgressOptions options{.hidden = 16, .passes = 20};
  ProgressModel once(options);
  ProgressModel twice(options);
  for (std::size_t job = 0; job < 12; ++job) {
    once.add(reports_of(job, 20 + static_cast<int>(job)));
    twice.add(reports_of(job, 20 + static_cast<int>(job)));
    if (job == 5) twice.fit_if_grown();
  }
  once.fit_if_grown();
  twice.fit_if_grown();
  const EpochReport report = simulated_report(5, JobId(200U), 20000, 8, 0.3);
  EXPECT_EQ(once.epochs_left(report), twice.epochs_left(report));
}

TEST(ProgressModel, SamplesAroundItsMean) {
  const ProgressModel model = fitted_model();
  const EpochReport report = simulated_report(5, JobId(200U), 20000, 12, 0.5);
  double sum = 0;
  for (std::uint32_t i = 0; i < 400; ++i) {
    RandomStream draws(1, Purpose::test, i);
    sum += model.sampled_epochs_left(report, draws);
  }
  // E[b' / a'] of two gamma draws is b / (a - 1).
  EXPECT_NEAR(sum / 400, 12 * model.epochs_left(report) / 11, 0.1 * model.epochs_left(report));
}

JobSpec adaptive_job(const std::string& name, double epochs) {
  JobSpec job = gang(name, 0, 1, epochs * 20000);
  job.throughput = law(256, 0.005, 0.08);
  job.requested_workers = 4;
  return job;
}

struct Played {
  const std::vector<JobSpec> jobs;
  const Cluster cluster = cluster_of(1, {{"gpu", 4}});
  ClusterState state{cluster, jobs};
  OnesPolicy policy{{.interval = Seconds(1)}};

  explicit Played(std::vector<JobSpec> specs) : jobs(std::move(specs)) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      state.arrive(JobId(i));
      (void)policy.decide(state, {EventKind::arrival, JobId(i)});
    }
  }
  /// Wakes the policy at this time and does what it says.
  Decision wake(double time) {
    state.set_now(Seconds(time));
    Decision decision = policy.decide(state, {});
    for (const Change& change : decision.changes)
      if (!state.job(change.job).allocation.empty())
        state.allocate(change.job, {}, 0.0, Seconds(0));
    for (const Change& change : decision.changes)
      if (!change.allocation.empty())
        state.allocate(change.job, change.allocation,
                       {pace_of(jobs[change.job.index()].throughput, tasks_of(change.allocation),
                                Locality::machine, 1, change.batch),
                        change.batch},
                       Seconds(0));
    return decision;
  }
};

// An epoch of 20,000 samples takes 20,000 / (256 / 0.148 s) = 11.6 s on one GPU, two 23.1 s.
TEST(Ones, StartsOnOneGpuAndGrowsAfterTwoEpochs) {
  Played run({adaptive_job("a", 50)});
  const Decision first = run.wake(0);
  ASSERT_EQ(first.changes.size(), 1u);
  EXPECT_EQ(tasks_of(first.changes[0].allocation).workers, 1);
  EXPECT_EQ(first.changes[0].batch, 256);
  EXPECT_TRUE(run.wake(20).changes.empty());
  const Decision second = run.wake(25);
  ASSERT_EQ(second.changes.size(), 1u);
  EXPECT_EQ(tasks_of(second.changes[0].allocation).workers, 2);
  EXPECT_EQ(second.changes[0].batch, 512);
}

// Mended (b): the gate of the artifact reads a field that nobody writes, so that only the epochs of
// the whole life count. An epoch of two workers takes 20,000 / (512 / 0.158 s) = 6.2 s.
TEST(OnesMended, MovesNobodyWithinAnEpochOfItsLastChange) {
  Played run({adaptive_job("a", 50)});
  (void)run.wake(0);
  EXPECT_EQ(run.wake(25).changes.size(), 1u);
  EXPECT_TRUE(run.wake(26).changes.empty());
  EXPECT_TRUE(run.wake(31).changes.empty());
  EXPECT_EQ(run.wake(32).changes.size(), 1u);
}

// Mended (d): the sampler of the artifact starts a partial epoch again.
TEST(OnesMended, CountsWhatWasTrainedOfAnEpochThatIsCutShort) {
  Played run({adaptive_job("a", 50)});
  (void)run.wake(0);
  (void)run.wake(25);
  const double trained = run.state.samples_trained(JobId(0U));
  EXPECT_NEAR(trained, 25 * 256 / 0.148, 1);
  (void)run.wake(26);
  EXPECT_NEAR(run.state.samples_trained(JobId(0U)), trained + 512 / 0.158, 1);
}

TEST(Ones, StartsJobsOnIdleGpusWithoutWaiting) {
  Played run({adaptive_job("a", 50), adaptive_job("b", 50)});
  EXPECT_EQ(run.wake(0).changes.size(), 2u);
}

}  // namespace
}  // namespace bourse
