#include "bourse/model/adaptive_throughput.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <cmath>
#include <string>

#include "bourse/model/throughput.h"
#include "bourse/model/workload.h"

namespace bourse {
namespace {

/// One step of m samples takes 0.1 s + 1 ms m; an exchange 50 ms on one machine, 100 ms across.
AdaptiveThroughput example() {
  return {.step_fixed = Seconds(0.1),
          .step_per_sample = Seconds(0.001),
          .sync_inside = Seconds(0.05),
          .sync_inside_per_worker = Seconds(0.01),
          .sync_across = Seconds(0.1),
          .sync_across_per_worker = Seconds(0.02),
          .overlap = 1,
          .base_batch = 128,
          .requested_batch = 128,
          .max_batch_per_worker = 256,
          .max_workers = 16,
          .noise_scale = 384,
          .epoch_samples = 50000,
          .base_learning_rate = 0.1,
          .max_learning_rate = 0.8};
}

// (384 + 128) / (384 + M): 512 / 512, 512 / 640, 512 / 896.
TEST(StatisticalEfficiency, FallsAsTheBatchOutgrowsTheNoise) {
  EXPECT_DOUBLE_EQ(statistical_efficiency(example(), 128), 1);
  EXPECT_DOUBLE_EQ(statistical_efficiency(example(), 256), 0.8);
  EXPECT_NEAR(statistical_efficiency(example(), 512), 0.5714, 5e-5);
}

// 100,000 samples at 128 are 2 epochs of 50,000; at 256 each counts 0.8, so 2.5.
TEST(EpochsToAccuracy, GrowWithTheBatch) {
  EXPECT_DOUBLE_EQ(epochs_to_accuracy(example(), 100000, 128), 2);
  EXPECT_DOUBLE_EQ(epochs_to_accuracy(example(), 100000, 256), 2.5);
}

TEST(LearningRate, FollowsTheBatchToItsLimit) {
  EXPECT_DOUBLE_EQ(learning_rate(example(), 256), 0.2);
  EXPECT_EQ(largest_batch(example()), 1024);
  EXPECT_DOUBLE_EQ(learning_rate(example(), 4096), 0.8);
  EXPECT_DOUBLE_EQ(warmed_up_rate(0.2, 0.6, 0.25), 0.3);
  EXPECT_DOUBLE_EQ(warmed_up_rate(0.2, 0.6, 3), 0.6);
}

// One worker, 128 samples: 0.1 + 0.128 = 0.228 s. Four on one machine, 32 each: 0.132 + 0.05 +
// 2 x 0.01 = 0.202 s; across: 0.132 + 0.1 + 0.04 = 0.272 s.
TEST(PaceAt, AddsTheExchangeOfSeveralWorkers) {
  EXPECT_NEAR(pace_at(example(), 1, false, 1, 128).trained, 128 / 0.228, 1e-9);
  EXPECT_NEAR(pace_at(example(), 4, false, 1, 128).trained, 128 / 0.202, 1e-9);
  EXPECT_NEAR(pace_at(example(), 4, true, 1, 128).trained, 128 / 0.272, 1e-9);
}

// 512 samples on one worker do not fit 256: two passes of 0.1 + 0.256 = 0.356 s each. Twice as fast
// a machine: two of 0.178 s.
TEST(PaceAt, PassesSeveralTimesWhenTheMemoryIsTooSmall) {
  const TrainingPace pace = pace_at(example(), 1, false, 1, 512);
  EXPECT_NEAR(pace.trained, 512 / 0.712, 1e-9);
  EXPECT_NEAR(pace.progress, 512 / 0.712 * 512 / 896, 1e-9);
  EXPECT_NEAR(pace_at(example(), 1, false, 2, 512).trained, 512 / 0.356, 1e-9);
}

// 0.132^2 + 0.07^2 = 0.0223..., of which the root is 0.14941 s.
TEST(PaceAt, OverlapsTheExchangeWithTheGradient) {
  AdaptiveThroughput job = example();
  job.overlap = 2;
  EXPECT_NEAR(pace_at(job, 4, false, 1, 128).trained, 128 / std::hypot(0.132, 0.07), 1e-9);
}

TEST(PaceAt, LeavesWorkersIdleBeyondTheMost) {
  EXPECT_EQ(pace_at(example(), 40, true, 1, 512).trained,
            pace_at(example(), 16, true, 1, 512).trained);
}

TEST(BestBatch, IsAtLeastAsGoodAsEveryPowerOfTwo) {
  for (const int workers : {1, 2, 5, 16})
    for (int batch = 128; batch <= 1024; batch *= 2) {
      const int best = best_batch(example(), workers, true, 1);
      EXPECT_GE(pace_at(example(), workers, true, 1, best).progress,
                0.995 * pace_at(example(), workers, true, 1, batch).progress);
    }
  EXPECT_GT(best_batch(example(), 16, true, 1), best_batch(example(), 2, false, 1));
}

TEST(ProgressBound, IsAboveEveryBatchAndHardlyAboveTheBest) {
  for (const double overlap : {1.0, 2.5, 10.0})
    for (const int workers : {1, 2, 5, 16, 40}) {
      AdaptiveThroughput job = example();
      job.overlap = overlap;
      double best = 0;
      for (int batch = job.base_batch; batch <= largest_batch(job); ++batch)
        best = std::max(best, pace_at(job, workers, true, 1, batch).progress);
      const double bound = progress_bound(job, workers, true, 1);
      EXPECT_GE(bound, best);
      EXPECT_LE(bound, 1.001 * best);
    }
}

TEST(CheckAdaptive, NamesTheField) {
  const auto error = [](auto change) {
    AdaptiveThroughput job = example();
    change(job);
    const auto checked = check(job);
    return checked ? "" : checked.error().message;
  };
  EXPECT_EQ(error([](auto&) {}), "");
  EXPECT_EQ(error([](auto& j) { j.step_per_sample = Seconds(0); }),
            "step_per_sample must be above 0");
  EXPECT_EQ(error([](auto& j) { j.sync_across = Seconds(0.01); }),
            "sync_across must be at least sync_inside");
  EXPECT_EQ(error([](auto& j) { j.overlap = 11; }), "overlap must be from 1 to 10");
  EXPECT_EQ(error([](auto& j) { j.noise_scale = -1; }),
            "noise_scale must be a number of at least 0");
  EXPECT_EQ(error([](auto& j) { j.max_learning_rate = 0.01; }),
            "max_learning_rate must be at least base_learning_rate");
  EXPECT_EQ(error([](auto& j) { j.max_workers = 20000; }),
            "max_workers must be a whole number from 1 to 10000");
  EXPECT_EQ(error([](auto& j) { j.requested_batch = 1025; }),
            "requested_batch must be from base_batch to base_batch x max_learning_rate / "
            "base_learning_rate");
}

constexpr const char* kFile = R"(
jobs:
  - id: a
    arrival: 0
    samples: 1000
    epochs: 2
    worker: {gpu: 1}
    utility: 1
    requested: {workers: 2}
    throughput:
      adaptive: {step_per_sample: 1ms, sync_inside: 50ms, base_batch: 128,
                 max_batch_per_worker: 256, max_workers: 16, noise_scale: 384, epoch: 1000,
                 base_learning_rate: 0.1,
                 max_learning_rate: 0.8, requested_batch: 256}
)";

TEST(AdaptiveYaml, ReadsWhatItWrites) {
  const auto workload = parse_workload_yaml(kFile, "w.yaml");
  ASSERT_TRUE(workload.has_value()) << workload.error().message;
  const auto& job = std::get<AdaptiveThroughput>(workload->jobs[0].throughput);
  EXPECT_EQ(job.sync_across, Seconds(0.05));
  EXPECT_EQ(job.requested_batch, 256);
  EXPECT_EQ(workload->jobs[0].samples, 2000);
  const std::string text = workload_yaml(*workload);
  const auto again = parse_workload_yaml(text, "again.yaml");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(workload_yaml(*again), text);
}

TEST(AdaptiveYaml, SaysWhatIsMissing) {
  std::string text = kFile;
  text.replace(text.find("noise_scale: 384, "), 18, "");
  const auto workload = parse_workload_yaml(text, "w.yaml");
  ASSERT_FALSE(workload.has_value());
  EXPECT_EQ(workload.error().message,
            "w.yaml:11: field 'jobs[0].throughput.adaptive.noise_scale': is missing");
}

TEST(WithBestBatches, IsATableOfEverySizeAtItsBestBatch) {
  const Throughput tuned = with_best_batches(example());
  for (const int workers : {1, 3, 16}) {
    const double best = best_samples_per_second(example(), {workers, 0}, Locality::rack);
    EXPECT_GE(best, samples_per_second(example(), {workers, 0}, Locality::rack));
    EXPECT_GE(samples_per_second(tuned, {workers, 0}, Locality::rack), best);
  }
}

}  // namespace
}  // namespace bourse
