#include "apps/train/member_main.h"

#include <fmt/core.h>
#include <link.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "apps/train/fork_server.h"
#include "apps/train/train_flags.h"
#include "bourse/training/member.h"

namespace bourse {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int say(const std::string& text, int status) {
  fmt::print(stderr, "bourse-train: {}\n", text);
  return status;
}

bool has_avx512() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("flags")) return line.find(" avx512f ") != std::string::npos;
  return false;
}

/// True if a library that computes with threads, or brings one along, is here before main().
bool has_loaded_blas() {
  const auto is_one = [](dl_phdr_info* library, std::size_t, void*) {
    const std::string_view name = library->dlpi_name == nullptr ? "" : library->dlpi_name;
    return static_cast<int>(name.find("blas") != std::string_view::npos ||
                            name.find("torch") != std::string_view::npos);
  };
  return dl_iterate_phdr(is_one, nullptr) != 0;
}

/// OpenBLAS reads its settings when it is loaded: its threads would fight those of other workers
/// of the machine (13 times slower), and version 0.3.21 does not know processors newer than itself
/// (a quarter of the speed). So they are set; a program that is linked with it begins anew.
void settle_blas(char** argv) {
  // NOLINTBEGIN(concurrency-mt-unsafe): there are no threads yet.
  if (std::getenv("OPENBLAS_NUM_THREADS") != nullptr) return;
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  setenv("OMP_NUM_THREADS", "1", 0);
  if (has_avx512()) setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  // NOLINTEND(concurrency-mt-unsafe)
  if (has_loaded_blas()) execv("/proc/self/exe", argv);
}

int status_of(const std::string& who, const Error& error) {
  const bool is_usage = error.code == ErrorCode::invalid_argument ||
                        error.code == ErrorCode::not_found ||
                        error.code == ErrorCode::data_corrupted;
  return say(fmt::format("{}: {}", who, error.message), is_usage ? kUsage : kFailed);
}

/// The process of a training that the environment says; of a worker, `workplace` may be there
/// already.
int run_member(training::TrainOptions options, const training::ModelTable& models,
               std::optional<training::Workplace> workplace) {
  const auto environment = training::member_environment();
  if (!environment) return say(environment.error().message, kUsage);
  if (!*environment)
    return say(
        "$BOURSE_ROLE is not set: `bourse train` starts a training, or a job of "
        "`bourse serve` does",
        kUsage);
  if (!(*environment)->checkpoint.empty()) options.checkpoint = (*environment)->checkpoint;
  if ((*environment)->batch > 0) options.batch = (*environment)->batch;
  const std::string& task = (*environment)->task;
  if (!(*environment)->is_server && !workplace) {
    Result<training::Workplace> prepared = training::prepare_worker(options, models);
    if (!prepared) return status_of(task, prepared.error());
    workplace = *std::move(prepared);
  }
  const Result<void> done = (*environment)->is_server
                                ? training::run_server(**environment, options)
                                : training::run_worker(**environment, options, *workplace);
  return done ? 0 : status_of(task, done.error());
}

/// Serves forks until nobody wants any more; in those that it forks, as run_member().
[[noreturn]] void run_fork_server(const std::string& socket_path, char** argv,
                                  const training::TrainOptions& options,
                                  const training::ModelTable& models) {
  int status = 0;
  if (Result<training::Workplace> workplace = training::prepare_worker(options, models)) {
    const std::optional<int> served = serve_forks(socket_path, argv);
    status = served ? *served : run_member(options, models, *std::move(workplace));
  } else {
    status = status_of("worker", workplace.error());
  }
  // A library that takes down what it has set up would write to all the pages that they share.
  std::fflush(nullptr);
  std::_Exit(status);
}

int run(int argc, char** argv, const training::ModelTable& models) {
  CLI::App app("A worker or a server of a training; `bourse train` and `bourse serve` start them",
               "bourse-train");
  TrainFlags flags;
  add_train_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::ParseError& error) {
    return say(error.what(), kUsage);
  }
  Result<training::TrainOptions> options = train_options(flags);
  if (!options) return say(options.error().message, kUsage);
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there are no threads yet.
  if (const char* const socket_path = std::getenv(kForksVariable))
    run_fork_server(socket_path, argv, *options, models);
  return run_member(*std::move(options), models, std::nullopt);
}

}  // namespace

int train_member_main(int argc, char** argv, const training::ModelTable& models) {
  settle_blas(argv);
  try {
    return run(argc, argv, models);
  } catch (const std::exception& error) {
    return say(error.what(), kFailed);
  }
}

}  // namespace bourse
