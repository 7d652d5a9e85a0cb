#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

#include "bourse/program/control.h"
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

std::vector<std::string> arguments_of_this_process() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  if (!arguments.empty()) arguments.erase(arguments.begin());
  return arguments;
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
  ProcessRun(std::shared_ptr<ProgramGraph> graph, const RunOptions& options, std::uint32_t launch)
      : graph_(std::move(graph)),
        options_(options),
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
                                       .largest_message = options.largest_message}},
        directory_);
    runtime_->on_stop_request([this] { stop(); });
    add_control();
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
    auto is_done = std::make_shared<std::promise<void>>();
    std::future<void> done = is_done->get_future();
    post([this, label, count, is_done = std::move(is_done)] {
      supervisor_->scale(label, count);
      is_done->set_value();
    });
    done.wait();  // not for ever: what is not called is dropped
  }
  RunState& state() override { return state_; }

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
        .on_stop = [this] { stop(); }};
  }

  void serve() {
    const bool uses_tcp = options_.placement == Placement::tcp;
    const Result<Address> address =
        runtime_->serve({uses_tcp ? fmt::format("tcp:{}:0", options_.tcp_host)
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
    return {
        .order = order_,
        .folder = folder_,
        .uses_tcp = options_.placement == Placement::tcp,
        .tcp_host = options_.tcp_host,
        .arguments = options_.arguments.empty() ? arguments_of_this_process() : options_.arguments,
        .grace = options_.grace,
        .unit_here = unit_here_,
        .on_line = options_.on_line,
        .on_end = [this] { world_->stop(); }};
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
    if (threads_) (void)threads_->finish(kNoDeadline);
    (void)runtime_->shut_down(kNoDeadline);
    signals_.reset();
    state_.ended();
  }

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  RunOptions options_;
  RunState state_;
  std::string folder_;
  std::shared_ptr<DirectoryTable> directory_;  ///< Owned by us and by the runtime.
  std::uint32_t unit_here_;
  UnitOrder order_;
  NodeSpec control_spec_;
  std::shared_ptr<Runtime> runtime_;  ///< Owned by us and by calls under way.
  std::unique_ptr<UnitThreads> threads_;
  std::unique_ptr<StopSignals> signals_;
  std::atomic<bool> was_signalled_ = false;
  std::mutex world_mutex_;
  RealWorld* world_ = nullptr;        ///< On the stack of supervising_. Guarded by world_mutex_.
  Supervisor* supervisor_ = nullptr;  ///< The same; used in its own thread.
  std::thread supervising_;
};

}  // namespace

std::unique_ptr<Run> run_as_processes(std::shared_ptr<ProgramGraph> graph,
                                      const RunOptions& options, std::uint32_t launch) {
  return std::make_unique<ProcessRun>(std::move(graph), options, launch);
}

}  // namespace bourse::program
