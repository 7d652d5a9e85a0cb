#include "apps/train/train_flags.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <bit>

#include "apps/bourse/options.h"

namespace bourse {
namespace {

constexpr std::uint64_t kMostSamples = std::uint64_t{1} << 40;
constexpr std::uint64_t kMostProcesses = 200;
constexpr std::uint64_t kMostMicrobatches = 1024;

using Words = std::vector<std::string>;

/// In the order of the enumerations.
Words modes() { return {"synchronous", "stale", "asynchronous", "ring"}; }
Words optimisers() { return {"sgd", "adam", "adamw"}; }
Words schedules() { return {"constant", "cosine"}; }
Words rate_rules() { return {"none", "linear", "root", "adascale"}; }

/// Of the 1,438 training samples an epoch is 23 steps of the usual batch.
std::uint64_t usual_epochs(const TrainFlags& flags) { return flags.data == "digits" ? 30 : 10; }

double usual_rate(const TrainFlags& flags) {
  if (static_cast<training::OptimiserKind>(flags.optimiser) != training::OptimiserKind::sgd)
    return 0.001;
  const bool is_fully_connected = flags.model.ends_with("mlp") || flags.model.ends_with("logistic");
  return is_fully_connected && flags.data == "digits" ? 0.3 : 0.05;
}

void add_what(CLI::App& app, TrainFlags& flags) {
  app.add_option("--model", flags.model,
                 "What is trained: logistic, mlp, cnn or transformer; plain-logistic and plain-mlp "
                 "do without LibTorch (default: cnn)")
      ->type_name("NAME");
  app.add_option("--data", flags.data,
                 "fashion-mnist, digits, or a folder with the files of such a set (default: "
                 "fashion-mnist)")
      ->type_name("NAME");
  app.add_option("--data-folder", flags.data_folder,
                 "Where the files of the data set are (default: where their package puts them)")
      ->type_name("DIR");
  add_whole(app, "--epochs", flags.epochs, 1, 1'000'000,
            "How often each sample is trained on (default: 10; of digits: 30)");
  add_whole(app, "--batch", flags.batch, 1, kMostSamples,
            "Samples of a step over all workers (default: 64)");
  add_whole(app, "--microbatches", flags.microbatches, 1, kMostMicrobatches,
            "Parts of a batch, a power of two: what workers share out. The result depends on it, "
            "and not on the number of workers (default: 8)");
}

void add_how(CLI::App& app, TrainFlags& flags) {
  add_choice(app, "--mode", flags.mode, modes(),
             "When gradients count: when the batch is complete, or each at once, with workers that "
             "are at most --staleness pushes apart, or without a bound. ring: when the batch is "
             "complete, without servers, all-reduced among the workers (default: synchronous)");
  add_whole(app, "--staleness", flags.staleness, 1, 1'000'000, "Of --mode stale (default: 4)");
  add_choice(app, "--optimiser", flags.optimiser, optimisers(), "(default: sgd)");
  add_number(app, "--learning-rate", flags.learning_rate, 0, 1e6,
             "After the warm-up (default: 0.05 for sgd, 0.3 for sgd of fully connected models on "
             "digits, else 0.001)");
  add_number(app, "--momentum", flags.momentum, 0, 0.9999, "Of sgd (default: 0.9)");
  add_number(app, "--weight-decay", flags.weight_decay, 0, 1, "(default: 0)");
  add_choice(app, "--schedule", flags.schedule, schedules(),
             "How the learning rate goes on (default: cosine)");
  add_number(app, "--warmup-epochs", flags.warmup_epochs, 0, 1e6,
             "The learning rate rises so long (default: 0)");
  add_choice(
      app, "--rate-rule", flags.rate_rule, rate_rules(),
      "How the learning rate, meant for --base-batch, follows the batch. adascale: by what the "
      "noise of the gradients leaves; it ends when its steps are worth --epochs at the base "
      "batch (default: none)");
  add_whole(app, "--base-batch", flags.base_batch, 1, kMostSamples, "(default: --batch)");
  add_whole(app, "--seed", flags.seed, 0, std::uint64_t{1} << 53,
            "Of first values and of the order of samples (default: 1)");
}

}  // namespace

void add_train_flags(CLI::App& app, TrainFlags& flags) {
  add_what(app, flags);
  add_whole(app, "--workers", flags.workers, 1, kMostProcesses,
            "Processes that compute (default: 2)");
  add_whole(app, "--servers", flags.servers, 1, kMostProcesses,
            "Processes that keep parameters, each a part of them (default: 1; --mode ring has "
            "none)");
  add_how(app, flags);
  add_duration(app, "--checkpoint-every", flags.checkpoint_every,
               "Time between two checkpoints (default: 30s)");
  add_whole(app, "--checkpoint-steps", flags.checkpoint_steps, 1, kMostSamples,
            "Steps between two checkpoints, in place of a time");
  add_whole(app, "--keep", flags.kept_checkpoints, 1, 1000,
            "Checkpoints that are kept (default: 2)");
  add_whole(app, "--retries", flags.retries, 0, 1'000'000,
            "Processes that may die and are started again (default: 10)");
  app.add_option(
         "--out", flags.out,
         "Folder of curve.csv, curve.svg and checkpoints. A training that is there is gone on "
         "with (default: a new one, bourse-train/MODEL-DATA-N)")
      ->type_name("DIR");
  app.add_option("--program", flags.program,
                 "What workers and servers run, for models of your own (default: bourse-train)")
      ->type_name("FILE");
}

std::vector<std::string> train_arguments(const TrainFlags& flags) {
  std::vector<std::string> arguments;
  const auto add = [&](std::string_view name, const auto& value) {
    arguments.push_back(fmt::format("--{}={}", name, value));
  };
  const auto add_if_set = [&](std::string_view name, const auto& value) {
    if (value != std::decay_t<decltype(value)>{}) add(name, value);
  };
  add("model", flags.model);
  add("data", flags.data);
  add_if_set("data-folder", flags.data_folder);
  add_if_set("epochs", flags.epochs);
  add("batch", flags.batch);
  add("microbatches", flags.microbatches);
  add("mode", modes()[flags.mode]);
  add("staleness", flags.staleness);
  add("optimiser", optimisers()[flags.optimiser]);
  add_if_set("learning-rate", flags.learning_rate);
  add("momentum", flags.momentum);
  add("weight-decay", flags.weight_decay);
  add("schedule", schedules()[flags.schedule]);
  add("warmup-epochs", flags.warmup_epochs);
  add("rate-rule", rate_rules()[flags.rate_rule]);
  add_if_set("base-batch", flags.base_batch);
  add("seed", flags.seed);
  if (flags.checkpoint_every)
    add("checkpoint-every", fmt::format("{}s", flags.checkpoint_every->value));
  add_if_set("checkpoint-steps", flags.checkpoint_steps);
  add("keep", flags.kept_checkpoints);
  return arguments;
}

Result<training::TrainOptions> train_options(const TrainFlags& flags) {
  using training::OptimiserKind;
  if (!std::has_single_bit(flags.microbatches))
    return invalid(
        fmt::format("option --microbatches: {} is not a power of two", flags.microbatches));
  const auto kind = static_cast<OptimiserKind>(flags.optimiser);
  const auto mode = static_cast<training::SyncMode>(flags.mode);
  if (mode == training::SyncMode::ring && flags.servers > 0)
    return invalid("option --servers: --mode ring has no servers");
  const std::uint64_t base = flags.base_batch > 0 ? flags.base_batch : flags.batch;
  return training::TrainOptions{
      .model = flags.model,
      .data = flags.data,
      .data_folder = flags.data_folder,
      .epochs = static_cast<std::int64_t>(flags.epochs > 0 ? flags.epochs : usual_epochs(flags)),
      .batch = static_cast<std::int64_t>(flags.batch),
      .microbatches = static_cast<std::uint32_t>(flags.microbatches),
      .mode = mode,
      .staleness = static_cast<std::int64_t>(flags.staleness),
      .optimiser = {.kind = kind, .momentum = flags.momentum, .weight_decay = flags.weight_decay},
      .learning_rate = flags.learning_rate > 0 ? flags.learning_rate : usual_rate(flags),
      .rate_rule = static_cast<training::RateRule>(flags.rate_rule),
      .base_batch = static_cast<std::int64_t>(base),
      .warmup_epochs = flags.warmup_epochs,
      .schedule = static_cast<training::RateSchedule>(flags.schedule),
      .seed = flags.seed,
      .checkpoint = flags.out,
      .checkpoint_seconds = flags.checkpoint_every.value_or(Seconds(30)).value,
      .checkpoint_steps = static_cast<std::int64_t>(flags.checkpoint_steps),
      .kept_checkpoints = flags.kept_checkpoints};
}

}  // namespace bourse
