#include "bourse/training/member.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/program/stop_signals.h"
#include "bourse/training/worker.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// How long a process may take to be there.
constexpr std::chrono::seconds kConnect{60};
/// How long server 0 waits for workers once it is told to end, and other servers for server 0.
constexpr double kLastStep = 20;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no threads yet.
  return value == nullptr ? "" : value;
}

Result<std::size_t> whole(const char* name) {
  const std::string text = variable(name);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return invalid(fmt::format("${} is '{}', not a whole number", name, quotable(text)));
  return number;
}

/// host:port of a job, or unix:/path of a training on one machine.
std::string full_address(std::string_view text) {
  return text.starts_with("unix:") ? std::string(text) : fmt::format("tcp:{}", text);
}

/// A note in the log of this process.
void note(const std::string& text) {
  fmt::print(stderr, "{}\n", text);
  std::fflush(stderr);
}

/// Appends a line to a named pipe; nobody may be reading it.
void tell(const std::string& pipe, const std::string& line) {
  const Descriptor end(open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (end.is_open() && write(end.number(), line.data(), line.size()) < 0) return;
}

/// Where a server looks for the process of another.
class FixedDirectory final : public program::Directory {
 public:
  explicit FixedDirectory(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {}
  [[nodiscard]] std::optional<program::UnitAddress> find_unit(std::uint32_t unit) override {
    return program::UnitAddress{addresses_[unit], 0};
  }
  [[nodiscard]] std::vector<std::uint32_t> absent_units() override { return {}; }
  void publish(const std::string& /*name*/, const std::string& /*text*/) override {}
  [[nodiscard]] std::optional<std::string> find_text(const std::string& /*name*/) override {
    return std::nullopt;
  }

 private:
  std::vector<std::string> addresses_;
};

/// A flag that threads wait for.
class Flag {
 public:
  void raise() {
    const std::lock_guard lock(mutex_);
    is_raised_ = true;
    changed_.notify_all();
  }
  bool wait_for(double seconds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                             [&] { return is_raised_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_raised_ = false;  ///< Guarded by mutex_.
};

Result<void> save_picture(const TrainOptions& options, const Coordinator& coordinator) {
  RealFiles files;
  const std::vector<CurvePoint> points = coordinator.curve();
  BOURSE_TRY_VOID(files.make_directories(options.checkpoint));
  BOURSE_TRY_VOID(files.write(options.checkpoint + "/curve.csv", curve_csv(points)));
  return files.write(options.checkpoint + "/curve.svg",
                     curve_svg(points, fmt::format("{} on {}", options.model, options.data),
                               fmt::format("{}, batch {}, seed {}", name_of(options.optimiser.kind),
                                           options.batch, options.seed)));
}

/// Server 0: leads until the training is over.
Result<void> lead(Peers& peers, const std::shared_ptr<Coordinator>& coordinator,
                  const TrainOptions& options, Flag& told_to_end) {
  coordinator->start();
  while (!coordinator->wait_until_over(0.05)) {
    if (!told_to_end.wait_for(0)) continue;
    coordinator->stop();
    if (!coordinator->wait_until_over(kLastStep))
      return fail(ErrorCode::deadline_exceeded, "the workers did not finish the last step in time");
  }
  coordinator->finish_checkpoints();
  if (!options.checkpoint.empty()) BOURSE_TRY_VOID(save_picture(options, *coordinator));
  for (std::size_t i = 1; i < peers.servers().size(); ++i)
    (void)peers.servers()[i].try_call<&ParameterServer::end>();
  return {};
}

}  // namespace

Result<std::optional<MemberEnvironment>> member_environment() {
  const std::string role = variable("BOURSE_ROLE");
  if (role.empty()) return std::nullopt;
  if (role != "worker" && role != "server")
    return invalid(fmt::format("$BOURSE_ROLE is '{}', not worker or server", quotable(role)));
  MemberEnvironment environment{.is_server = role == "server",
                                .task = variable("BOURSE_TASK"),
                                .server_addresses = {},
                                .checkpoint = variable("BOURSE_CHECKPOINT"),
                                .progress = variable("BOURSE_PROGRESS")};
  BOURSE_TRY(environment.rank, whole("BOURSE_RANK"));
  environment.run = fmt::format("{}/{}/{}", variable("BOURSE_JOB"), variable("BOURSE_EPOCH"),
                                variable("BOURSE_TRAIN_TOKEN"));
  const std::string addresses = variable("BOURSE_SERVER_ADDRESSES");
  if (addresses.empty())
    return invalid("$BOURSE_SERVER_ADDRESSES is empty: the job needs at least one server");
  for (const std::string_view address : split(addresses, ','))
    environment.server_addresses.push_back(full_address(address));
  if (environment.is_server && environment.rank >= environment.server_addresses.size())
    return invalid(fmt::format("$BOURSE_RANK is {} of {} servers", environment.rank,
                               environment.server_addresses.size()));
  if (environment.task.empty()) environment.task = fmt::format("{}-{}", role, environment.rank);
  return environment;
}

Peers::Peers(const MemberEnvironment& environment) {
  // Pulls and questions for work wait within the node: each takes a thread.
  const program::NodeOptions many{.concurrency = 250};
  for (std::size_t i = 0; i < environment.server_addresses.size(); ++i) {
    program::Colocation process = program_.colocate();
    servers_.push_back(process.group("server", many).declare<ParameterServer>());
    if (i == 0) coordinator_ = process.group("coordinator", many).declare<Coordinator>();
  }
  runtime_ = std::make_shared<program::Runtime>(
      program_.graph(),
      program::Runtime::Options{
          .connect_timeout = kConnect,
          .agreement = {.token = environment.run, .fingerprint = program_.graph()->fingerprint()}},
      std::make_shared<FixedDirectory>(environment.server_addresses));
  runtime_->on_stop_request([] {});
  const std::lock_guard lock(program_.graph()->mutex);
  program_.graph()->runtime = runtime_;
}

Peers::~Peers() {
  (void)runtime_->shut_down(program::kNoDeadline);
  program_.graph()->end_run();
}

Result<void> Peers::serve(const std::string& address) {
  BOURSE_TRY_VOID(runtime_->serve({address}));
  return {};
}

std::string progress_line(const TrainProgress& progress) {
  nlohmann::json json = {{"samples", progress.samples},
                         {"total_samples", progress.total_samples},
                         {"workers", progress.workers}};
  if (progress.loss >= 0) json["loss"] = progress.loss;
  if (progress.accuracy >= 0) json["accuracy"] = progress.accuracy;
  if (progress.noise_scale >= 0) json["noise_scale"] = progress.noise_scale;
  if (progress.samples_per_second > 0) json["samples_per_second"] = progress.samples_per_second;
  if (progress.is_checkpointed) json["checkpointed"] = true;
  return json.dump() + "\n";
}

Result<void> run_server(const MemberEnvironment& environment, const TrainOptions& options) {
  Peers peers(environment);
  Flag told_to_end;
  const program::StopSignals signals(*peers.runtime()->reactor(),
                                     [&](int) { told_to_end.raise(); });
  const auto server = std::make_shared<ParameterServer>(
      ParameterServer::Options{.index = environment.rank,
                               .count = environment.server_addresses.size(),
                               .training = options});
  peers.host(peers.servers()[environment.rank], server);
  std::shared_ptr<Coordinator> coordinator;
  if (environment.rank == 0) {
    coordinator = std::make_shared<Coordinator>(
        Coordinator::Options{.training = options,
                             .servers = peers.servers(),
                             .on_progress =
                                 [&](const TrainProgress& progress) {
                                   if (!environment.progress.empty())
                                     tell(environment.progress, progress_line(progress));
                                 },
                             .on_note = note});
    peers.host(peers.coordinator(), coordinator);
  }
  BOURSE_TRY_VOID(peers.serve(environment.server_addresses[environment.rank]));
  try {
    if (coordinator) return lead(peers, coordinator, options, told_to_end);
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, error.what());
  }
  while (!server->wait_for_end(0.2))
    if (told_to_end.wait_for(0) && !server->wait_for_end(kLastStep)) break;
  return {};
}

Result<void> run_worker(const MemberEnvironment& environment, const TrainOptions& options,
                        const ModelTable& models) {
  const auto make = models.find(options.model);
  if (make == models.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, maker] : models) names.push_back(name);
    return invalid(fmt::format("there is no model '{}'{}", quotable(options.model),
                               suggestion(options.model, names)));
  }
  Peers peers(environment);
  std::atomic<bool> leaves = false;
  const program::StopSignals signals(*peers.runtime()->reactor(), [&](int) { leaves = true; });
  BOURSE_TRY(const Dataset data, load_dataset(options.data, options.data_folder));
  try {
    const std::unique_ptr<Model> model = make->second(data.shape);
    Worker worker({.name = environment.task,
                   .training = options,
                   .servers = peers.servers(),
                   .coordinator = peers.coordinator(),
                   .data = &data,
                   .model = model.get(),
                   .leaves = &leaves});
    worker.run();
    return {};
  } catch (const program::CallError& error) {
    return fail(ErrorCode::unavailable, error.message());
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, error.what());
  }
}

}  // namespace bourse::training
