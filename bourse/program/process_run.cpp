#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "bourse/program/control.h"
#include "bourse/program/host_launcher.h"
#include "bourse/program/job_task.h"
#include "bourse/program/run.h"
#include "bourse/program/stop_signals.h"
#include "bourse/program/supervisor.h"
#include "bourse/program/unit_threads.h"
#include "bourse/world/real_world.h"
#include "bourse/world/system_error.h"

namespace bourse::program {
namespace {

std::string make_folder() {
  std::string path = "/tmp/bourse-XXXXXX";
  if (mkdtemp(path.data()) == nullptr)
    throw call_error_of(system_error("make folder", path, errno));
  return path;
}

/// Unit of the node that RunOptions::only names; kNoNode if it names none.
std::uint32_t unit_here(const ProgramGraph& graph, const std::string& only) {
  if (only.empty()) return kNoNode;
  std::string known;
  for (const NodeSpec& node : graph.nodes) {
    if (node.name() == only) return node.unit;
    known += (known.empty() ? "" : ", ") + node.name();
  }
  throw std::invalid_argument(
      fmt::format("--only: there is no node '{}'; there are {}", only, known));
}

class ProcessRun final : public Run {
 public:
  ProcessRun(std::shared_ptr<ProgramGraph> graph, const RunOptions& options, std::uint32_t launch,
             std::optional<JobTask> job = std::nullopt)
      : graph_(std::move(graph)),
        options_(options),
        job_(std::move(job)),
        state_(graph_),
        folder_(make_folder()),
        directory_(std::make_shared<DirectoryTable>()),
        unit_here_(unit_here(*graph_, options.only)) {
    order_ = {.program = graph_->name,
              .launch = launch,
              .fingerprint = graph_->fingerprint(),
              .token = random_token()};
    runtime_ = std::make_shared<Runtime>(
        graph_,
        Runtime::Options{.connect_timeout = options.connect_timeout,
                         .call_timeout = options.call_timeout,
                         .agreement = {.token = order_.token,
                                       .fingerprint = order_.fingerprint,
                                       .largest_message = options.largest_message,
                                       .tls = tls_of(options),
                                       .silence = silence_of(options)}},
        directory_);
    runtime_->on_stop_request([this] { stop(); });
    if (job_) options_.tcp_host = job_->host;
    add_control();
    if (job_) add_host_desk();
    if (unit_here_ != kNoNode) make_unit_here();
    serve();
    {
      const std::lock_guard lock(graph_->mutex);
      graph_->runtime = runtime_;
    }
    signals_ = std::make_unique<StopSignals>(*runtime_->reactor(), [this](int signal) {
      const bool is_second = was_signalled_.exchange(true);
      if (signal == SIGINT && is_second)
        post([this] { supervisor_->kill(); });
      else
        stop();
    });
    if (threads_) threads_->start(true);
    start_supervisor();
    if (job_) invite_tasks();
  }

  ~ProcessRun() override {
    stop();
    supervising_.join();
    graph_->end_run();
  }

  void stop() override {
    runtime_->begin_stop();
    post([this] { supervisor_->stop(); });
  }
  void scale(const std::string& label, std::size_t count) override {
    if (job_)
      throw std::logic_error(
          fmt::format("the scheduler decides how many nodes '{}' has, as this is a job", label));
    auto is_done = std::make_shared<std::promise<void>>();
    std::future<void> done = is_done->get_future();
    post([this, label, count, is_done = std::move(is_done)] {
      supervisor_->scale(label, count);
      is_done->set_value();
    });
    done.wait();  // not for ever: what is not called is dropped
  }
  RunState& state() override { return state_; }
  std::vector<EdgeCounts> edges() override {
    std::vector<EdgeCounts> all = state_.edges();
    const std::vector<EdgeCounts> here = runtime_->edges().counts();
    all.insert(all.end(), here.begin(), here.end());
    return all;
  }

 private:
  /// In the thread of the supervisor, if there is one.
  void post(std::function<void()> call) {
    const std::lock_guard lock(world_mutex_);
    if (world_ != nullptr) world_->post(std::move(call));
  }

  void add_control() {
    control_spec_.id = kControlNode;
    control_spec_.label = "launcher";
    control_spec_.node_class = &typeid(Control);
    control_spec_.options.concurrency = 1;
    runtime_->add_host(control_spec_)
        .set_ready(std::make_shared<Control>(directory_, control_events()), nullptr);
  }

  Control::Events control_events() {
    return {
        .on_ready =
            [this](std::uint32_t unit) { post([this, unit] { supervisor_->unit_ready(unit); }); },
        .on_returned = [this](std::uint32_t node) { state_.runner_returned(node); },
        .on_failed =
            [this](const NodeReport& report) {
              post([this, report] {
                supervisor_->unit_failed(report.unit, report.node, report.message);
              });
            },
        .on_beat =
            [this](const UnitBeat& beat) {
              state_.edges_of(beat);
              post([this, unit = beat.unit] { supervisor_->unit_beat(unit); });
            },
        .on_stop = [this] { stop(); }};
  }

  void add_host_desk() {
    host_desk_spec_.id = kHostDeskNode;
    host_desk_spec_.label = "launcher";
    host_desk_spec_.node_class = &typeid(HostDesk);
    runtime_->add_host(host_desk_spec_)
        .set_ready(std::make_shared<HostDesk>(directory_, host_desk_events()), nullptr);
  }

  HostDesk::Events host_desk_events() {
    return {.on_join =
                [this](std::uint32_t host, const HostPlace& place) {
                  post([this, host, place] { hosts_->join(host, place); });
                },
            .on_leave = [this](std::uint32_t host) { post([this, host] { hosts_->leave(host); }); },
            .on_beat = [this](std::uint32_t host) { post([this, host] { hosts_->beat(host); }); },
            .on_output =
                [this](std::uint32_t unit, bool is_error, const std::string& text) {
                  post([this, unit, is_error, text] { hosts_->output(unit, is_error, text); });
                },
            .on_end =
                [this](std::uint32_t unit, ExitStatus status) {
                  post([this, unit, status] { hosts_->ended(unit, status); });
                }};
  }

  void invite_tasks() {
    const Result<void> written =
        write_meeting(job_->meeting, {.control = order_.control, .token = order_.token});
    if (written) return;
    state_.failed({.node = "the launcher", .message = written.error().message, .last_lines = {}});
    stop();
  }

  [[nodiscard]] bool uses_tcp() const { return job_ || options_.placement == Placement::tcp; }

  void serve() {
    const Result<Address> address =
        runtime_->serve({uses_tcp() ? fmt::format("tcp:{}:0", options_.tcp_host)
                                    : fmt::format("unix:{}/launcher", folder_)});
    if (!address) throw call_error_of(address.error());
    order_.control = address->text;
    if (unit_here_ != kNoNode) directory_->set_unit(unit_here_, {address->text, 0});
  }

  /// The thread that starts processes is the one whose end ends them.
  void start_supervisor() {
    std::promise<void> is_there;
    supervising_ = std::thread([this, &is_there] {
      RealWorld world;
      Supervisor supervisor(world.world(), state_, *directory_, supervisor_options());
      {
        const std::lock_guard lock(world_mutex_);
        world_ = &world;
        supervisor_ = &supervisor;
      }
      world.post([&] {
        if (runtime_->stop_token().stop_requested()) supervisor.stop();
        supervisor.start();
      });
      is_there.set_value();
      world.run();
      {
        const std::lock_guard lock(world_mutex_);
        world_ = nullptr;
      }
      finish();
    });
    is_there.get_future().wait();
  }

  Supervisor::Options supervisor_options() {
    return {.order = order_,
            .folder = folder_,
            .uses_tcp = uses_tcp(),
            .tcp_host = options_.tcp_host,
            .arguments = arguments_of(options_),
            .grace = options_.grace,
            .silence = silence_of(options_),
            .unit_here = unit_here_,
            .on_line = options_.on_line,
            .on_end = [this] { world_->stop(); },
            .make_launcher =
                job_ ? [this](World& world,
                              UnitLauncher::Events
                                  events) { return make_host_launcher(world, std::move(events)); }
                     : decltype(Supervisor::Options::make_launcher)()};
  }

  std::unique_ptr<UnitLauncher> make_host_launcher(World& world, UnitLauncher::Events events) {
    auto local =
        std::make_unique<LocalLauncher>(world, folder_, LocalLauncher::Asking::whole_tree, events);
    auto hosts = std::make_unique<HostLauncher>(world, graph_, std::move(events), std::move(local));
    hosts_ = hosts.get();
    return hosts;
  }

  /// The nodes of --only.
  void make_unit_here() {
    threads_ = std::make_unique<UnitThreads>(
        *runtime_, graph_->nodes_of_unit(unit_here_),
        UnitThreads::Events{
            .on_ready = [this](const NodeSpec& node) { state_.unit_ready(node.unit); },
            .on_returned = [this](const NodeSpec& node) { state_.runner_returned(node.id); },
            .on_failed =
                [this](const NodeSpec& node, const std::string& message) {
                  state_.failed({.node = node.name(), .message = message, .last_lines = {}});
                  stop();
                }});
  }

  /// All processes have ended.
  void finish() {
    runtime_->begin_stop();
    if (job_) std::remove(job_->meeting.c_str());
    if (threads_) (void)threads_->finish(kNoDeadline);
    (void)runtime_->shut_down(kNoDeadline);
    signals_.reset();
    if (options_.prints_edges) print_edges();
    state_.ended();
  }

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  RunOptions options_;
  std::optional<JobTask> job_;
  RunState state_;
  std::string folder_;
  std::shared_ptr<DirectoryTable> directory_;  ///< Owned by us and by the runtime.
  std::uint32_t unit_here_;
  UnitOrder order_;
  NodeSpec control_spec_;
  NodeSpec host_desk_spec_;
  std::shared_ptr<Runtime> runtime_;  ///< Owned by us and by calls under way.
  std::unique_ptr<UnitThreads> threads_;
  std::unique_ptr<StopSignals> signals_;
  std::atomic<bool> was_signalled_ = false;
  std::mutex world_mutex_;
  RealWorld* world_ = nullptr;        ///< On the stack of supervising_. Guarded by world_mutex_.
  Supervisor* supervisor_ = nullptr;  ///< The same; used in its own thread.
  HostLauncher* hosts_ = nullptr;     ///< The same; null unless it is a job.
  std::thread supervising_;
};

}  // namespace

std::unique_ptr<Run> run_as_processes(std::shared_ptr<ProgramGraph> graph,
                                      const RunOptions& options, std::uint32_t launch) {
  return std::make_unique<ProcessRun>(std::move(graph), options, launch);
}

std::unique_ptr<Run> run_as_job(std::shared_ptr<ProgramGraph> graph, const RunOptions& options,
                                std::uint32_t launch, const JobTask& task) {
  return std::make_unique<ProcessRun>(std::move(graph), options, launch, task);
}

}  // namespace bourse::program
