#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "apps/bourse/clocks.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"
#include "apps/bourse/progress_bar.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/train_run.h"
#include "apps/train/train_flags.h"
#include "bourse/base/units.h"
#include "bourse/training/model.h"

namespace bourse {
namespace {

namespace fs = std::filesystem;

/// The program beside this one.
std::string member_program() {
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error);
  return (here.parent_path() / "bourse-train").string();
}

/// "bourse-train/cnn-fashion-mnist-3", a folder that is not there yet.
std::string new_folder(const TrainFlags& flags) {
  const std::string data = fs::path(flags.data).filename().string();
  for (int number = 1;; ++number) {
    std::string folder = fmt::format("bourse-train/{}-{}-{}", flags.model, data, number);
    if (!fs::exists(folder)) return folder;
  }
}

/// What the servers report, on the terminal.
class TrainView {
 public:
  TrainView() : bar_(is_terminal()) {}

  void take(std::string_view line) {
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) return;
    samples_ = json.value("samples", 0.0);
    if (begun_ < 0) {
      begun_ = monotonic_seconds();
      first_samples_ = json.value("trained", samples_);
    }
    trained_ = json.value("trained", samples_);
    const double total = json.value("total_samples", 0.0);
    loss_ = json.value("loss", loss_);
    const double accuracy = json.value("accuracy", accuracy_);
    if (accuracy != accuracy_) {
      accuracy_ = accuracy;
      bar_.clear();
      (void)print(fmt::format("{:>12} samples   loss {:.4f}   test accuracy {:.2f} %\n",
                              static_cast<std::int64_t>(trained_), loss_, 100 * accuracy_));
    }
    if (total > 0) bar_.show(samples_ / total, fmt::format("loss {:.4f}", loss_));
  }

  void note(std::string_view line) {
    bar_.clear();
    print_note(line);
  }

  /// The whole training in one line.
  [[nodiscard]] std::string summary() const {
    const double seconds = begun_ < 0 ? 0 : monotonic_seconds() - begun_;
    std::string text =
        accuracy_ < 0 ? "" : fmt::format("test accuracy {:.2f} %, ", 100 * accuracy_);
    text += fmt::format("loss {:.4f} after {} samples", loss_, static_cast<std::int64_t>(trained_));
    if (seconds > 0)
      text += fmt::format(", {:.0f} samples/s", (trained_ - first_samples_) / seconds);
    return text;
  }
  void clear() { bar_.clear(); }

 private:
  ProgressBar bar_;
  double begun_ = -1;  ///< Monotonic seconds of the first report.
  double first_samples_ = 0;
  double samples_ = 0;  ///< What those that were trained on are worth.
  double trained_ = 0;
  double loss_ = 0;
  double accuracy_ = -1;
};

/// A library that takes long to load is loaded once for all workers. Other people's programs may
/// not be fit for that, and plain models have nothing to load.
bool forks_workers(const TrainFlags& flags) {
  return flags.program.empty() && !training::plain_models().contains(flags.model);
}

int run_train(const TrainFlags& flags) {
  const Result<training::TrainOptions> options = train_options(flags);
  if (!options) return usage_error(options.error());
  const std::string folder =
      fs::absolute(flags.out.empty() ? new_folder(flags) : flags.out).string();
  const std::string program = flags.program.empty() ? member_program() : flags.program;
  std::vector<std::string> command = {program};
  for (std::string& argument : train_arguments(flags)) command.push_back(std::move(argument));
  const bool is_ring = options->mode == training::SyncMode::ring;
  TrainView view;
  TrainRun run({.command = std::move(command),
                .workers = flags.workers,
                .servers = is_ring ? 0 : std::max<std::uint64_t>(flags.servers, 1),
                .folder = folder,
                .retries = flags.retries,
                .forks_workers = forks_workers(flags),
                .on_progress = [&](std::string_view line) { view.take(line); },
                .on_note = [&](std::string_view line) { view.note(line); }});
  const Result<void> done = run.run();
  view.clear();
  if (!done) return failure(done.error());
  if (run.was_stopped()) {
    print_note(fmt::format("stopped; --out {} goes on with it", folder));
    return kExitInterrupted;
  }
  return print(fmt::format("{}\n{}/curve.svg\n", view.summary(), folder));
}

}  // namespace

void add_train(CLI::App& app, int& status) {
  CLI::App* const command = app.add_subcommand(
      "train", "Train a model with workers and parameter servers on this machine");
  const auto flags = std::make_shared<TrainFlags>();
  add_train_flags(*command, *flags);
  command->footer(
      "Ctrl-C ends it with a checkpoint. SIGUSR1 adds a worker, SIGUSR2 takes one away.\n"
      "\n"
      "Examples:\n"
      "  bourse train --model cnn --data fashion-mnist --workers 4 --servers 2\n"
      "  bourse train --model mlp --data digits --workers 2 --mode ring");
  command->callback([flags, &status] { status = run_train(*flags); });
}

}  // namespace bourse
