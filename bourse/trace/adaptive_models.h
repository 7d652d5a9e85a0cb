#pragma once

#include <array>
#include <string_view>

#include "bourse/model/adaptive_throughput.h"

namespace bourse {

/// What is known of training one model on one data set (docs/traces.md says from where).
struct AdaptiveModel {
  std::string_view name;
  AdaptiveThroughput law;  ///< Without requested_batch and max_workers.
  double epochs = 1;       ///< To the accuracy, with the batch of the request.
  int requested_gpus = 1;
  double restart_s = 30;
  double small_share = 1;   ///< The smaller data set over the larger one, which `law` has.
  double small_epochs = 0;  ///< To the accuracy on the smaller one.
  double share = 1;         ///< Of the jobs.
};

/// Seconds that a step takes.
struct StepTimes {
  double fixed, sample, sync_inside, sync_across;
};
/// What limits a batch, and what it is worth.
struct BatchLaw {
  int base, most_per_worker;
  double noise_scale, epoch, base_rate, max_rate;
};

/// A law from its numbers, without overlap.
[[nodiscard]] constexpr AdaptiveThroughput law_of(StepTimes step, BatchLaw batch) {
  return {.step_fixed = Seconds(step.fixed),
          .step_per_sample = Seconds(step.sample),
          .sync_inside = Seconds(step.sync_inside),
          .sync_across = Seconds(step.sync_across),
          .base_batch = batch.base,
          .max_batch_per_worker = batch.most_per_worker,
          .noise_scale = batch.noise_scale,
          .epoch_samples = batch.epoch,
          .base_learning_rate = batch.base_rate,
          .max_learning_rate = batch.max_rate};
}

/// The ten pairs of ONES. The epochs are those to the published accuracy and the patience after it.
inline constexpr std::array<AdaptiveModel, 10> kOnesModels{{
    {"resnet18-cifar10", law_of({.0156, .000161, .0064, .0229}, {256, 2048, 5500, 40e3, .005, .08}),
     25, 4, 30, .5, 38},
    {"googlenet-cifar10",
     law_of({.0107, .000299, .0025, .0088}, {256, 1024, 5500, 40e3, .005, .08}), 23, 4, 30, .5, 36},
    {"vgg16-cifar10", law_of({.0246, .000152, .1375, .493}, {128, 2048, 5500, 40e3, .001, .016}),
     36, 4, 30, .5, 67},
    {"alexnet-imagenet",
     law_of({.0874, .000334, .0484, .1935}, {64, 1024, 19000, 20e3, 2.5e-4, .004}), 69, 16, 50, .5,
     21},
    {"resnet50-imagenet", law_of({.0979, .0022, .0227, .0909}, {32, 400, 19000, 20e3, 5e-4, .008}),
     44, 16, 50, .5, 27},
    {"vgg16-imagenet", law_of({.0563, .00334, .0705, .2818}, {32, 200, 19000, 20e3, 5e-4, .008}),
     58, 16, 50, .5, 11},
    {"inception3-imagenet",
     law_of({.1064, .00332, .0263, .1052}, {32, 300, 19000, 20e3, 5e-4, .008}), 52, 16, 50, .5, 50},
    {"bert-cola", law_of({.0941, .00596, .1243, .3037}, {16, 72, 9400, 8e3, 5e-6, 2e-5}), 6, 2, 60,
     .625, 5},
    {"bert-mrpc", law_of({.0941, .00596, .1243, .3037}, {16, 72, 9400, 3.6e3, 5e-6, 2e-5}), 6, 2,
     60, 1, 5},
    {"bert-sst2", law_of({.0941, .00596, .1243, .3037}, {32, 72, 9400, 20e3, 2.5e-6, 2e-5}), 5, 8,
     60, .5, 5},
}};

/// The six models of Pollux on T4 GPUs, with learning rates relative to that of the base batch.
inline constexpr std::array<AdaptiveModel, 6> kPolluxModels{{
    {"cifar10", law_of({.015566, .00070648, .007376, .072515}, {128, 1024, 5500, 50000, 1, 32}),
     100, 1, 50, 1, 0, .38},
    {"ncf", law_of({.007071, 5.3e-7, .003465, .01877}, {256, 32768, 1.6e6, 4970752, 1, 128}), 10, 1,
     15, 1, 0, .38},
    {"deepspeech2", law_of({.212152, .0271347, .076585, .328132}, {20, 80, 1030, 7134, 1, 32}), 80,
     1, 25, 1, 0, .10},
    {"bert", law_of({.175818, .05812863, .078326, .971945}, {12, 12, 9400, 88644, 1, 32}), 2, 1,
     120, 1, 0, .06},
    {"yolov3", law_of({.209553, .02356805, .033513, .774549}, {8, 16, 500, 16551, 1, 64}), 50, 1,
     80, 1, 0, .06},
    {"imagenet", law_of({.065619, .00446192, .003309, .111435}, {200, 200, 19000, 1281167, 1, 64}),
     90, 1, 250, 1, 0, .02},
}};

}  // namespace bourse
