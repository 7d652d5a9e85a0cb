#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "bourse/program/run.h"
#include "bourse/program/stop_signals.h"
#include "bourse/program/unit_threads.h"

namespace bourse::program {
namespace {

std::vector<const NodeSpec*> all_nodes(const ProgramGraph& graph) {
  std::vector<const NodeSpec*> nodes;
  for (const NodeSpec& node : graph.nodes) nodes.push_back(&node);
  return nodes;
}

/// Where everything is reached within one process; only with forces_wire.
Address private_address() {
  static std::atomic<int> count = 0;
  return {fmt::format("unix:/tmp/bourse-{}-{}.sock", getpid(), ++count)};
}

class ThreadRun final : public Run {
 public:
  ThreadRun(std::shared_ptr<ProgramGraph> graph, const RunOptions& options)
      : graph_(std::move(graph)),
        state_(graph_),
        grace_(options.grace),
        prints_edges_(options.prints_edges),
        directory_(std::make_shared<DirectoryTable>()),
        runtime_(std::make_shared<Runtime>(
            graph_,
            Runtime::Options{.forces_wire = options.forces_wire,
                             .connect_timeout = options.connect_timeout,
                             .call_timeout = options.call_timeout,
                             .agreement = {.token = random_token(),
                                           .fingerprint = graph_->fingerprint(),
                                           .largest_message = options.largest_message,
                                           .silence = silence_of(options)}},
            directory_)),
        threads_(*runtime_, all_nodes(*graph_), events()) {
    runtime_->on_stop_request([this] { stop(); });
    if (options.forces_wire) serve();
    {
      const std::lock_guard lock(graph_->mutex);
      graph_->runtime = runtime_;
    }
    signals_ = std::make_unique<StopSignals>(*runtime_->reactor(), [this](int) { stop(); });
    for (const NodeSpec& node : graph_->nodes)
      if (node.is_spare) directory_->set_absent(node.unit, true);
    threads_.start(false);
    ender_ = std::thread([this] { wait_and_end(); });
  }

  ~ThreadRun() override {
    stop();
    ender_.join();
    graph_->end_run();
  }

  void stop() override { runtime_->begin_stop(); }
  void scale(const std::string& label, std::size_t count) override {
    const std::lock_guard lock(scaling_);
    const std::vector<std::uint32_t> units = graph_->units_of(label);
    for (std::size_t i = 0; i < units.size(); ++i) {
      const bool was_present = !is_absent(units[i]);
      if (was_present == (i < count)) continue;
      directory_->set_absent(units[i], was_present);
      if (was_present)
        state_.unit_left(units[i]);
      else
        state_.unit_joined(units[i]);
      for (const NodeSpec* const node : graph_->nodes_of_unit(units[i])) {
        if (was_present)
          threads_.remove(*node);
        else
          threads_.add(*node);
      }
    }
  }
  RunState& state() override { return state_; }
  std::vector<EdgeCounts> edges() override { return runtime_->edges().counts(); }

 private:
  [[nodiscard]] bool is_absent(std::uint32_t unit) {
    return std::ranges::binary_search(directory_->absent_units(), unit);
  }

  UnitThreads::Events events() {
    return {.on_ready =
                [this](const NodeSpec& node) {
                  if (!address_.empty()) directory_->set_unit(node.unit, {address_, 0});
                  state_.unit_ready(node.unit);
                },
            .on_returned = [this](const NodeSpec& node) { state_.runner_returned(node.id); },
            .on_failed =
                [this](const NodeSpec& node, const std::string& message) {
                  state_.failed({.node = node.name(), .message = message, .last_lines = {}});
                  stop();
                }};
  }

  void serve() {
    path_ = private_address();
    const Result<Address> address = runtime_->serve(path_);
    if (!address) throw call_error_of(address.error());
    address_ = address->text;
  }

  /// The life of a run after its start: waits for the stop, then for all nodes.
  void wait_and_end() {
    {
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      stopped.wait(lock, runtime_->stop_token(), [] { return false; });
    }
    const Deadline until = deadline_in(grace_);
    std::vector<std::string> late = threads_.finish(until);
    if (late.empty()) late = runtime_->shut_down(until);
    if (!late.empty()) give_up(late);
    signals_.reset();
    if (prints_edges_) print_edges();
    if (!path_.text.empty()) std::remove(path_.text.substr(5).c_str());
    state_.ended();
  }

  /// A thread cannot be ended from outside, and what it uses must not go away under it.
  [[noreturn]] void give_up(const std::vector<std::string>& late) const {
    fmt::print(stderr,
               "bourse: {} of program '{}' did not stop within {} s; a thread cannot be ended, so "
               "this process is\n",
               fmt::join(late, ", "), graph_->name, std::chrono::duration<double>(grace_).count());
    std::fflush(nullptr);
    std::_Exit(EXIT_FAILURE);
  }

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  RunState state_;
  Nanoseconds grace_;
  bool prints_edges_;
  std::shared_ptr<DirectoryTable> directory_;  ///< Owned by us and by the runtime.
  std::shared_ptr<Runtime> runtime_;           ///< Owned by us and by calls under way.
  std::mutex scaling_;                         ///< One change of size at a time.
  Address path_;
  std::string address_;  ///< Where all units are reached; empty: by memory.
  UnitThreads threads_;
  std::unique_ptr<StopSignals> signals_;
  std::thread ender_;
};

}  // namespace

std::unique_ptr<Run> run_as_threads(std::shared_ptr<ProgramGraph> graph,
                                    const RunOptions& options) {
  return std::make_unique<ThreadRun>(std::move(graph), options);
}

}  // namespace bourse::program
