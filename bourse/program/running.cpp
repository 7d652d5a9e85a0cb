#include "bourse/program/running.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "bourse/program/run.h"
#include "bourse/program/stop_signals.h"
#include "bourse/program/task_host.h"
#include "bourse/program/unit_process.h"

namespace bourse::program {
namespace {

std::string text_of(const std::string& program, const std::vector<NodeFailure>& failures) {
  std::string text = fmt::format("program '{}' failed: ", program);
  for (std::size_t i = 0; i < failures.size(); ++i)
    text += (i == 0 ? "" : "\n  also: ") + text_of(failures[i]);
  return text;
}

}  // namespace

std::string text_of(const NodeFailure& failure) {
  std::string text = fmt::format("node {} failed", failure.node);
  if (failure.signal != 0)
    text += fmt::format(" (killed by signal {}, {})", failure.signal,
                        strsignal(failure.signal));  // NOLINT(concurrency-mt-unsafe)
  else if (failure.exit_code != 0)
    text += fmt::format(" (exit status {})", failure.exit_code);
  if (failure.restarts > 0)
    text += fmt::format(" after {} restart{}", failure.restarts, failure.restarts == 1 ? "" : "s");
  if (!failure.message.empty()) text += ": " + failure.message;
  if (failure.message.empty() && !failure.last_lines.empty())
    text += "; it wrote last:\n    " + fmt::format("{}", fmt::join(failure.last_lines, "\n    "));
  return text;
}

ProgramFailed::ProgramFailed(const std::string& program, std::vector<NodeFailure> failures)
    : std::runtime_error(text_of(program, failures)), failures_(std::move(failures)) {}

Running::Running() = default;
Running::Running(std::unique_ptr<Run> run) : run_(std::move(run)) {}
Running::~Running() = default;
Running::Running(Running&&) noexcept = default;
Running& Running::operator=(Running&&) noexcept = default;

namespace {

/// How often a program of this name was launched before in this process; the same in the process of
/// a unit, which gets as far by the same way.
std::uint32_t launch_number(const std::string& program) {
  static std::mutex mutex;
  static std::map<std::string, std::uint32_t> counts;
  const std::lock_guard lock(mutex);
  return counts[program]++;
}

std::terminate_handler other_last_words = nullptr;

/// What nobody has caught, in one sentence and without a dump of memory.
[[noreturn]] void say_last_words() {
  try {
    if (std::current_exception()) throw;
    other_last_words();
  } catch (const ProgramFailed& failed) {
    fmt::print(stderr, "bourse: {}\n", failed.what());
  } catch (const CallError& error) {
    fmt::print(stderr, "bourse: {}\n", error.what());
  } catch (...) {
    other_last_words();
  }
  std::fflush(nullptr);
  std::_Exit(last_stop_signal() != 0 ? 128 + last_stop_signal() : EXIT_FAILURE);
}

/// Once in a process.
void prepare_last_words() {
  static const bool is_prepared = [] {
    other_last_words = std::set_terminate(say_last_words);
    return true;
  }();
  (void)is_prepared;
}

void check_failures(RunState& state) {
  if (auto failures = state.failures(); !failures.empty())
    throw ProgramFailed(state.graph().name, std::move(failures));
}

}  // namespace

void Running::wait() {
  if (!run_) return;
  RunState& state = run_->state();
  state.wait_for_runners({}, kNoDeadline);
  run_->stop();
  state.wait_for_end(kNoDeadline);
  check_failures(state);
}

bool Running::wait(const std::vector<std::string>& labels) {
  if (!run_) return true;
  RunState& state = run_->state();
  for (const std::string& label : labels)
    if (std::ranges::none_of(state.graph().nodes, [&](const NodeSpec& node) {
          return node.label == label && node.is_runner();
        }))
      throw std::invalid_argument(
          fmt::format("no node labelled '{}' has a run() that could be waited for", label));
  state.wait_for_runners(labels, kNoDeadline);
  check_failures(state);
  return state.have_returned(labels);
}

bool Running::wait_for(Nanoseconds at_most) {
  if (!run_) return true;
  RunState& state = run_->state();
  const Deadline until = deadline_in(at_most);
  if (!state.wait_for_runners({}, until)) return false;
  run_->stop();
  const bool has_ended = state.wait_for_end(until);
  if (has_ended) check_failures(state);
  return has_ended;
}

bool Running::wait_until_ready(Nanoseconds at_most) {
  if (!run_) return true;
  const bool is_ready = run_->state().wait_until_ready(deadline_in(at_most));
  check_failures(run_->state());
  return is_ready;
}

void Running::scale(const std::string& label, std::size_t count) {
  if (!run_) return;
  const ProgramGraph& graph = run_->state().graph();
  const std::size_t most = graph.units_of(label).size();
  if (most == 0) throw std::invalid_argument(fmt::format("no node is labelled '{}'", label));
  const auto any = std::ranges::find(graph.nodes, label, &NodeSpec::label);
  const auto least = static_cast<std::size_t>(any->options.min_replicas);
  if (!graph.is_elastic(label))
    throw std::invalid_argument(
        fmt::format("group '{}' always has {} nodes; give it min_replicas, and max_replicas, in "
                    "its NodeOptions",
                    label, most));
  if (count < least || count > most)
    throw std::invalid_argument(
        fmt::format("group '{}' has from {} to {} nodes, not {}", label, least, most, count));
  run_->scale(label, count);
}

std::size_t Running::size_of(const std::string& label) const {
  return run_ ? run_->state().size_of(label) : 0;
}

void Running::stop() {
  if (run_) run_->stop();
}

std::vector<NodeFailure> Running::failures() const {
  return run_ ? run_->state().failures() : std::vector<NodeFailure>();
}

void Run::print_edges() {
  const std::string table = program::text_of(edge_reports(state().graph(), edges()));
  fmt::print(stderr, "{}", table);
}

std::vector<EdgeReport> Running::edges() const {
  if (!run_) return {};
  return edge_reports(run_->state().graph(), run_->edges());
}

Running launch(Program& program, const RunOptions& options) {
  prepare_last_words();
  const std::shared_ptr<ProgramGraph>& graph = program.graph();
  if (graph->nodes.empty())
    throw std::logic_error(fmt::format("program '{}' has no nodes", graph->name));
  {
    const std::lock_guard lock(graph->mutex);
    if (graph->runtime)
      throw std::logic_error(fmt::format("program '{}' runs already", graph->name));
  }
  for (const NodeSpec& node : graph->nodes)
    if (!node.make && !node.run && !node.make_foreign_calls)
      throw std::logic_error(fmt::format("node {} was declared and never configured", node.name()));
  graph->add_spares();
  if (options.is_described) {
    fmt::print("{}\n", program.spec_json());
    std::fflush(nullptr);
    std::exit(EXIT_SUCCESS);  // NOLINT(concurrency-mt-unsafe): no thread of ours runs
  }
  const std::uint32_t number = launch_number(graph->name);
  if (const auto& order = order_of_this_process()) {
    if (order->program == graph->name && order->launch == number) run_unit(graph, options, *order);
    return {};
  }
  if (options.placement == Placement::threads) return Running(run_as_threads(graph, options));
  if (options.placement != Placement::job) return Running(run_as_processes(graph, options, number));
  const JobTask task = task_of_this_process();
  if (!task.is_launcher()) run_task_host(graph, options, task);
  start_with_fewest_workers(*graph);
  return Running(run_as_job(graph, options, number, task));
}

}  // namespace bourse::program
