#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/bourse/cli_forward.h"
#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/training/train_options.h"

namespace bourse {

/// What `bourse train` and the processes it starts are told, by the same options.
struct TrainFlags {
  std::string model = "cnn";
  std::string data = "fashion-mnist";
  std::string data_folder;
  std::uint64_t workers = 2;
  std::uint64_t servers = 0;  ///< 0: one, or none if the mode has none.
  std::uint64_t epochs = 0;   ///< 0: what suits the data.
  std::uint64_t batch = 64;
  std::uint64_t microbatches = 8;
  std::size_t mode = 0;  ///< Of SyncMode.
  std::uint64_t staleness = 4;
  std::size_t optimiser = 0;  ///< Of OptimiserKind.
  double learning_rate = 0;   ///< 0: what suits the optimiser.
  double momentum = 0.9;
  double weight_decay = 0;
  std::size_t schedule = 1;  ///< Of RateSchedule.
  double warmup_epochs = 0;
  std::size_t rate_rule = 0;  ///< Of RateRule.
  std::uint64_t base_batch = 0;
  std::uint64_t seed = 1;
  std::optional<Seconds> checkpoint_every;
  std::uint64_t checkpoint_steps = 0;
  std::uint64_t kept_checkpoints = 2;
  std::uint64_t retries = 10;  ///< Processes that may die and are started again.
  std::string out;             ///< Folder of results and checkpoints; empty: a new one.
  std::string program;         ///< What workers and servers run; empty: bourse-train beside us.
};

/// Adds the options to a command; `flags` outlives it.
void add_train_flags(CLI::App& app, TrainFlags& flags);

/// The options of a command line that says of the training what these flags say.
[[nodiscard]] std::vector<std::string> train_arguments(const TrainFlags& flags);

/// What the flags say of the training itself. Errors: invalid_argument with the option.
[[nodiscard]] Result<training::TrainOptions> train_options(const TrainFlags& flags);

}  // namespace bourse
