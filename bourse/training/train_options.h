#pragma once

#include <cstdint>
#include <string>

#include "bourse/training/optimiser.h"

namespace bourse::training {

/// When gradients become parameters.
enum class SyncMode : std::uint8_t {
  synchronous,   ///< A step takes the whole global batch; the same bits for any number of workers.
  stale,         ///< Each push counts at once; no worker is more than `staleness` pushes ahead.
  asynchronous,  ///< Each push counts at once.
  ring,          ///< As synchronous, without servers: workers sum gradients among themselves.
};

/// True if a step takes the whole global batch.
[[nodiscard]] constexpr bool waits_for_all(SyncMode mode) {
  return mode == SyncMode::synchronous || mode == SyncMode::ring;
}

/// How the learning rate goes over a training.
enum class RateSchedule : std::uint8_t { constant, cosine };

/// How the learning rate follows the size of the batch.
enum class RateRule : std::uint8_t {
  none,      ///< Not at all.
  linear,    ///< In proportion (Goyal et al. 2017).
  root,      ///< With its square root.
  adascale,  ///< By the gain that the noise of the gradients leaves (Johnson et al. 2020).
};

/// What a training is. All of its processes have the same.
struct TrainOptions {
  std::string model = "plain-mlp";  ///< A name of the table of models.
  std::string data = "digits";      ///< As for load_dataset().
  std::string data_folder;          ///< In place of the package's own.
  std::int64_t epochs = 10;
  std::int64_t batch = 64;         ///< Samples of a step over all workers.
  std::uint32_t microbatches = 8;  ///< A power of two. More: more workers can share a step.
  SyncMode mode = SyncMode::synchronous;
  std::int64_t staleness = 4;  ///< Of SyncMode::stale, in pushes of a worker.
  OptimiserOptions optimiser;
  double learning_rate = 0.05;  ///< After the warm-up.
  RateRule rate_rule = RateRule::none;
  std::int64_t base_batch = 0;  ///< Batch that learning_rate is meant for; 0: `batch`.
  double warmup_epochs = 0;     ///< The learning rate rises from 0 so long.
  RateSchedule schedule = RateSchedule::cosine;
  std::uint64_t seed = 1;
  std::string checkpoint;             ///< Folder; empty: no checkpoints.
  double checkpoint_seconds = 30;     ///< Between two of them.
  std::int64_t checkpoint_steps = 0;  ///< In its place, if > 0.
  std::size_t kept_checkpoints = 2;   ///< At least 1.
};

/// The learning rate once `samples` of `total` have been trained on: linear warm-up over `warmup`
/// of them, then constant or half a cosine down to 0.
[[nodiscard]] double learning_rate_at(const TrainOptions& options, double samples, double warmup,
                                      double total);

}  // namespace bourse::training
