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
#include <thread>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/program/stop_signals.h"
#include "bourse/training/ring_lead.h"
#include "bourse/training/ring_worker.h"
#include "bourse/training/worker.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// How long a process may take to be there.
constexpr std::chrono::seconds kConnect{60};
/// How long server 0 waits for workers once it is told to end, and other servers for server 0.
constexpr double kLastStep = 20;
/// Largest batch, as of the command line.
constexpr std::size_t kMostSamples = std::size_t{1} << 40;
/// How long server 0 waits for workers to hear that the training is over.
constexpr double kLastWords = 5;

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

/// Takes over the batch that a file of members says, a few times a second.
class BatchWatch {
 public:
  BatchWatch(const std::string& members_file, Coordinator& coordinator)
      : members_file_(members_file), coordinator_(coordinator) {}
  void look() {
    const auto now = std::chrono::steady_clock::now();
    if (members_file_.empty() || now < next_) return;
    next_ = now + kBatchLook;
    if (const std::optional<std::int64_t> batch = read_batch(members_file_))
      coordinator_.set_batch(*batch);
  }

 private:
  static constexpr std::chrono::milliseconds kBatchLook{200};

  const std::string members_file_;
  Coordinator& coordinator_;
  std::chrono::steady_clock::time_point next_;
};

/// Server 0: leads until the training is over.
Result<void> lead(Peers& peers, const std::shared_ptr<Coordinator>& coordinator,
                  const TrainOptions& options, const std::string& members_file, Flag& told_to_end) {
  BatchWatch batch(members_file, *coordinator);
  batch.look();
  coordinator->start();
  while (!coordinator->wait_until_over(0.02)) {
    batch.look();
    if (!told_to_end.wait_for(0)) continue;
    coordinator->stop();
    if (!coordinator->wait_until_over(kLastStep))
      return fail(ErrorCode::deadline_exceeded, "the workers did not finish the last step in time");
  }
  coordinator->finish_checkpoints();
  if (!coordinator->is_done() && !told_to_end.wait_for(0))
    return fail(ErrorCode::unavailable, "the training cannot go on without what was lost");
  (void)coordinator->wait_until_alone(kLastWords);
  if (!options.checkpoint.empty()) BOURSE_TRY_VOID(save_picture(options, *coordinator));
  for (std::size_t i = 1; i < peers.servers().size(); ++i)
    (void)peers.servers()[i].try_call<&ParameterServer::end>();
  return {};
}

}  // namespace

std::optional<std::int64_t> read_batch(const std::string& members_file) {
  const nlohmann::json json = read_members(members_file);
  if (!json.contains("batch") || !json["batch"].is_number_unsigned()) return std::nullopt;
  const auto batch = json["batch"].get<std::int64_t>();
  if (batch < 1) return std::nullopt;
  return batch;
}

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
  if (!variable("BOURSE_BATCH").empty()) {
    BOURSE_TRY(const std::size_t batch, whole("BOURSE_BATCH"));
    if (batch < 1 || batch > kMostSamples)
      return invalid(fmt::format("$BOURSE_BATCH is {}, not from 1 to {}", batch, kMostSamples));
    environment.batch = static_cast<std::int64_t>(batch);
  }
  environment.run = fmt::format("{}/{}/{}", variable("BOURSE_JOB"), variable("BOURSE_EPOCH"),
                                variable("BOURSE_TRAIN_TOKEN"));
  const std::string addresses = variable("BOURSE_SERVER_ADDRESSES");
  if (!addresses.empty())
    for (const std::string_view address : split(addresses, ','))
      environment.server_addresses.push_back(full_address(address));
  environment.leader_address = variable("BOURSE_LEADER_ADDRESS");
  if (const std::string host = variable("MASTER_ADDR");
      environment.leader_address.empty() && !host.empty())
    environment.leader_address = fmt::format("tcp:{}:{}", host, variable("MASTER_PORT"));
  environment.members_file = variable("BOURSE_MEMBERS");
  if (environment.is_server && environment.rank >= environment.server_addresses.size())
    return invalid(fmt::format("$BOURSE_RANK is {} of {} servers", environment.rank,
                               environment.server_addresses.size()));
  if (environment.task.empty()) environment.task = fmt::format("{}-{}", role, environment.rank);
  return environment;
}

Peers::Peers(const std::vector<std::string>& addresses, const std::string& run) {
  // Pulls and questions for work wait within the node: each takes a thread.
  const program::NodeOptions many{.concurrency = 250};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    program::Colocation process = program_.colocate();
    servers_.push_back(process.group("server", many).declare<ParameterServer>());
    if (i == 0) coordinator_ = process.group("coordinator", many).declare<Coordinator>();
  }
  runtime_ = std::make_shared<program::Runtime>(
      program_.graph(),
      program::Runtime::Options{
          .connect_timeout = kConnect,
          .agreement = {.token = run, .fingerprint = program_.graph()->fingerprint()}},
      std::make_shared<FixedDirectory>(addresses));
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
  if (progress.compute_per_sample > 0) {
    json["compute_per_sample"] = progress.compute_per_sample;
    json["exchange_per_sample"] = progress.exchange_per_sample;
  }
  if (progress.batch > 0) json["batch"] = progress.batch;
  if (progress.trained > 0 && progress.trained != progress.samples)
    json["trained"] = progress.trained;
  if (progress.is_checkpointed) json["checkpointed"] = true;
  return json.dump() + "\n";
}

namespace {

/// Progress and notes of the coordinator go where the process was told.
Coordinator::Options coordinator_options(const MemberEnvironment& environment,
                                         const TrainOptions& options, const Peers& peers) {
  using Servers = std::vector<program::Handle<ParameterServer>>;
  return {.training = options,
          .servers = options.mode == SyncMode::ring ? Servers() : peers.servers(),
          .on_progress =
              [pipe = environment.progress](const TrainProgress& progress) {
                if (!pipe.empty()) tell(pipe, progress_line(progress));
              },
          .on_note = note};
}

Result<void> no_servers() {
  return invalid(
      "$BOURSE_SERVER_ADDRESSES is empty: the job needs at least one server, or --mode "
      "ring");
}

}  // namespace

Result<void> run_server(const MemberEnvironment& environment, const TrainOptions& options) {
  if (options.mode == SyncMode::ring)
    return invalid("--mode ring has no servers, and this process is one");
  if (environment.server_addresses.empty()) return no_servers();
  Peers peers(environment.server_addresses, environment.run);
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
    coordinator = std::make_shared<Coordinator>(coordinator_options(environment, options, peers));
    peers.host(peers.coordinator(), coordinator);
  }
  BOURSE_TRY_VOID(peers.serve(environment.server_addresses[environment.rank]));
  try {
    if (coordinator)
      return lead(peers, coordinator, options, environment.members_file, told_to_end);
  } catch (const std::exception& error) {
    return fail(ErrorCode::internal, error.what());
  }
  while (!server->wait_for_end(0.2))
    if (told_to_end.wait_for(0) && !server->wait_for_end(kLastStep)) break;
  return {};
}

namespace {

/// One process of a ring.
class RingProcess {
 public:
  RingProcess(MemberEnvironment environment, TrainOptions options, const Dataset& data,
              Model& model)
      : environment_(std::move(environment)),
        options_(std::move(options)),
        data_(data),
        model_(model),
        reactor_(std::make_shared<program::Reactor>()),
        signals_(*reactor_, [this](int) { told_to_end_.raise(); }) {
    if (environment_.members_file.empty()) return;
    if (const auto now = read_lead(environment_.members_file, environment_.task))
      leader_task_ = now->leader;
  }

  Result<void> run() {
    for (;;) {
      const Result<RingWorker::Ended> ended = is_leader() ? lead_ring() : follow();
      const bool is_left_alone = !ended || *ended == RingWorker::Ended::stopped;
      if (!is_left_alone || told_to_end_.wait_for(0)) return {};
      if (environment_.members_file.empty()) return ended ? Result<void>() : failure_of(ended);
      if (!await_next_leader()) return ended ? Result<void>() : failure_of(ended);
    }
  }

 private:
  [[nodiscard]] bool is_leader() const { return environment_.rank == 0; }
  static Result<void> failure_of(const Result<RingWorker::Ended>& ended) {
    return tl::unexpected<Error>(ended.error());
  }

  Result<RingWorker::Ended> follow() {
    const Peers peers({environment_.leader_address}, environment_.run);
    std::atomic<bool> leaves = false;
    const std::jthread watch([&](const std::stop_token& stop) {
      while (!stop.stop_requested())
        if (told_to_end_.wait_for(kLookSeconds)) leaves = true;
    });
    return work(peers, leaves);
  }

  Result<RingWorker::Ended> lead_ring() {
    Peers peers({environment_.leader_address}, environment_.run);
    const auto coordinator =
        std::make_shared<Coordinator>(coordinator_options(environment_, options_, peers));
    peers.host(peers.coordinator(), coordinator);
    BOURSE_TRY_VOID(serve(peers));
    Result<void> led;
    std::jthread leading([&] {
      try {
        led = lead(peers, coordinator, options_, environment_.members_file, told_to_end_);
      } catch (const std::exception& error) {
        led = fail(ErrorCode::internal, error.what());
        coordinator->give_up();
      }
    });
    const std::atomic<bool> leaves = false;
    Result<RingWorker::Ended> ended = work(peers, leaves);
    if (!ended) coordinator->give_up();
    leading.join();
    if (!led) return tl::unexpected<Error>(led.error());
    return ended;
  }

  /// Who led before may still be at the address.
  Result<void> serve(Peers& peers) {
    for (double waited = 0;; waited += kLookSeconds) {
      const Result<void> served = peers.serve(environment_.leader_address);
      if (served || served.error().code != ErrorCode::already_exists || waited > kLastStep)
        return served;
      if (told_to_end_.wait_for(kLookSeconds)) return served;
    }
  }

  Result<RingWorker::Ended> work(const Peers& peers, const std::atomic<bool>& leaves) {
    try {
      BOURSE_TRY(std::string address, own_address());
      RingWorker worker({.name = environment_.task,
                         .run = environment_.run,
                         .address = std::move(address),
                         .training = options_,
                         .coordinator = peers.coordinator(),
                         .data = &data_,
                         .model = &model_,
                         .leaves = &leaves});
      return worker.run();
    } catch (const program::CallError& error) {
      return fail(ErrorCode::unavailable, error.message());
    } catch (const std::exception& error) {
      return fail(ErrorCode::internal, error.what());
    }
  }

  [[nodiscard]] Result<std::string> own_address() const {
    const std::string& leader = environment_.leader_address;
    if (leader.starts_with("unix:")) return leader + "-" + environment_.task;
    BOURSE_TRY(const std::string host, local_host_towards(leader));
    return fmt::format("tcp:{}:0", host);
  }

  /// After a resize in place that took who led away. False if there is none.
  bool await_next_leader() {
    const std::string before = environment_.leader_address;
    for (double waited = 0; waited < kLastStep; waited += kLookSeconds) {
      const std::optional<RingLead> now = read_lead(environment_.members_file, environment_.task);
      if (now && !now->is_listed) return false;
      if (now && (now->leader != leader_task_ || now->address != before)) {
        environment_.leader_address = now->address;
        environment_.rank = now->rank;
        leader_task_ = now->leader;
        return true;
      }
      if (told_to_end_.wait_for(kLookSeconds)) return false;
    }
    return false;
  }

  static constexpr double kLookSeconds = 0.1;

  MemberEnvironment environment_;
  const TrainOptions options_;
  const Dataset& data_;
  Model& model_;
  std::string leader_task_ = "worker-0";
  Flag told_to_end_;
  std::shared_ptr<program::Reactor> reactor_;  ///< Of the signals.
  const program::StopSignals signals_;
};

/// What a model says of itself when it is made is for who has chosen it.
Result<std::unique_ptr<Model>> make_model(const MakeModel& make, const SampleShape& shape) {
  try {
    return make(shape);
  } catch (const std::invalid_argument& error) {
    return invalid(error.what());
  }
}

}  // namespace

Result<Workplace> prepare_worker(const TrainOptions& options, const ModelTable& models) {
  const auto make = models.find(options.model);
  if (make == models.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, maker] : models) names.push_back(name);
    return invalid(fmt::format("there is no model '{}'{}", quotable(options.model),
                               suggestion(options.model, names)));
  }
  Workplace workplace;
  BOURSE_TRY(workplace.data, load_dataset(options.data, options.data_folder));
  BOURSE_TRY(workplace.model, make_model(make->second, workplace.data.shape));
  return workplace;
}

Result<void> run_worker(const MemberEnvironment& environment, const TrainOptions& options,
                        const Workplace& workplace) {
  const bool is_ring = options.mode == SyncMode::ring;
  if (!is_ring && environment.server_addresses.empty()) return no_servers();
  if (is_ring && environment.leader_address.empty())
    return invalid("$MASTER_ADDR is not set: --mode ring needs to know where rank 0 is");
  const Dataset& data = workplace.data;
  Model& model = *workplace.model;
  try {
    if (is_ring) return RingProcess(environment, options, data, model).run();
    Peers peers(environment.server_addresses, environment.run);
    std::atomic<bool> leaves = false;
    const program::StopSignals signals(*peers.runtime()->reactor(), [&](int) { leaves = true; });
    Worker worker({.name = environment.task,
                   .training = options,
                   .servers = peers.servers(),
                   .coordinator = peers.coordinator(),
                   .data = &data,
                   .model = &model,
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
