#include "bourse/program/unit_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "bourse/program/control.h"
#include "bourse/program/stop_signals.h"
#include "bourse/program/unit_threads.h"

namespace bourse::program {
namespace {

constexpr std::array<const char*, 8> kVariables = {
    "BOURSE_UNIT_PROGRAM",     "BOURSE_UNIT_LAUNCH",      "BOURSE_UNIT_NUMBER",
    "BOURSE_UNIT_INCARNATION", "BOURSE_UNIT_FINGERPRINT", "BOURSE_UNIT_TOKEN",
    "BOURSE_UNIT_CONTROL",     "BOURSE_UNIT_LISTEN"};

/// A process shows life at least so often,
constexpr Nanoseconds kLongestBeat = std::chrono::seconds(1);
/// and gives the launcher so long to hear it.
constexpr Nanoseconds kBeatPatience = std::chrono::seconds(2);

Nanoseconds beat_interval(Nanoseconds silence) {
  if (silence <= Nanoseconds(0)) return kLongestBeat;
  return std::min(kLongestBeat, silence / (2 * kSilenceChecks));
}

template <class Number>
Number number_of(const std::string& text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<UnitOrder> take_order() {
  std::array<std::string, kVariables.size()> values;
  // Before launch() a program of ours has started no thread.
  // NOLINTBEGIN(concurrency-mt-unsafe)
  for (std::size_t i = 0; i < kVariables.size(); ++i) {
    const char* const value = std::getenv(kVariables[i]);
    if (value == nullptr) return std::nullopt;
    values[i] = value;
  }
  for (const char* const name : kVariables) unsetenv(name);
  // NOLINTEND(concurrency-mt-unsafe)
  return UnitOrder{.program = values[0],
                   .launch = number_of<std::uint32_t>(values[1]),
                   .unit = number_of<std::uint32_t>(values[2]),
                   .incarnation = number_of<std::uint32_t>(values[3]),
                   .fingerprint = number_of<std::uint64_t>(values[4]),
                   .token = values[5],
                   .control = values[6],
                   .listen = values[7]};
}

/// The life of a process of a program.
class UnitProcess {
 public:
  UnitProcess(std::shared_ptr<ProgramGraph> graph, const RunOptions& options,
              const UnitOrder& order)
      : graph_(std::move(graph)),
        order_(order),
        control_(HandleCore(graph_, kControlNode)),
        runtime_(std::make_shared<Runtime>(
            graph_,
            Runtime::Options{.forces_wire = options.forces_wire,
                             .connect_timeout = options.connect_timeout,
                             .call_timeout = options.call_timeout,
                             .agreement = {.token = order.token,
                                           .fingerprint = order.fingerprint,
                                           .largest_message = options.largest_message,
                                           .tls = tls_of(options),
                                           .silence = silence_of(options)},
                             .incarnation = order.incarnation},
            std::make_shared<RemoteDirectory>(control_, order.control))),
        signals_(*runtime_->reactor(),
                 [this](int signal) {
                   if (signal == SIGTERM) runtime_->begin_stop();
                 }),
        beat_interval_(beat_interval(silence_of(options))) {
    runtime_->on_stop_request([this] { control_.call<&Control::stop>(); });
    const std::lock_guard lock(graph_->mutex);
    graph_->runtime = runtime_;
  }

  [[noreturn]] void run() {
    if (graph_->fingerprint() != order_.fingerprint)
      fail("main()",
           "it has built another program in this process than in the launcher; it must build the "
           "same in every process");
    const std::vector<const NodeSpec*> nodes = graph_->nodes_of_unit(order_.unit);
    not_ready_ = nodes.size();
    UnitThreads threads(*runtime_, nodes, events());
    const Result<Address> address = runtime_->serve({order_.listen});
    if (!address) fail(graph_->unit_name(order_.unit), address.error().message);
    address_ = address->text;
    threads.start(true);
    beat_again_and_again();
    wait_for_the_stop();
    (void)threads.finish(kNoDeadline);
    beat();
    (void)runtime_->shut_down(kNoDeadline);
    std::fflush(nullptr);
    std::_Exit(EXIT_SUCCESS);
  }

 private:
  UnitThreads::Events events() {
    return {
        .on_ready =
            [this](const NodeSpec&) {
              if (--not_ready_ == 0)
                control_.call<&Control::ready>(order_.unit,
                                               UnitAddress{address_, order_.incarnation});
            },
        .on_returned = [this](const NodeSpec& node) { control_.call<&Control::returned>(node.id); },
        .on_failed = [this](const NodeSpec& node,
                            const std::string& message) { fail(node.name(), message); }};
  }

  void beat() {
    (void)control_.timeout(kBeatPatience)
        .try_call<&Control::beat>(
            UnitBeat{order_.unit, order_.incarnation, runtime_->edges().counts()});
  }

  /// On threads that wait for nothing else, so that a busy node is not a silent one.
  void beat_again_and_again() {
    beat();
    runtime_->reactor()->call_at(deadline_in(beat_interval_), [this] { beat_again_and_again(); });
  }

  void wait_for_the_stop() {
    std::mutex mutex;
    std::condition_variable_any stopped;
    std::unique_lock lock(mutex);
    stopped.wait(lock, runtime_->stop_token(), [] { return false; });
  }

  /// Tells the launcher, if it can be told, and ends.
  [[noreturn]] void fail(const std::string& node, const std::string& message) {
    constexpr Nanoseconds kLastWords = std::chrono::seconds(2);
    const auto told = control_.timeout(kLastWords)
                          .try_call<&Control::failed>(NodeReport{order_.unit, node, message});
    if (!told) fmt::print(stderr, "{}: {}\n", node, message);
    std::fflush(nullptr);
    std::_Exit(EXIT_FAILURE);
  }

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  const UnitOrder& order_;
  Handle<Control> control_;
  std::shared_ptr<Runtime> runtime_;  ///< Owned by us and by calls under way.
  StopSignals signals_;
  std::string address_;
  std::atomic<std::size_t> not_ready_ = 0;
  Nanoseconds beat_interval_;
};

}  // namespace

std::vector<std::string> environment_of(const UnitOrder& order) {
  const std::array<std::string, kVariables.size()> values = {order.program,
                                                             std::to_string(order.launch),
                                                             std::to_string(order.unit),
                                                             std::to_string(order.incarnation),
                                                             std::to_string(order.fingerprint),
                                                             order.token,
                                                             order.control,
                                                             order.listen};
  std::vector<std::string> environment;
  for (std::size_t i = 0; i < kVariables.size(); ++i)
    environment.push_back(fmt::format("{}={}", kVariables[i], values[i]));
  return environment;
}

const std::optional<UnitOrder>& order_of_this_process() {
  static const std::optional<UnitOrder> order = take_order();
  return order;
}

void run_unit(std::shared_ptr<ProgramGraph> graph, const RunOptions& options,
              const UnitOrder& order) {
  UnitProcess process(std::move(graph), options, order);
  process.run();
}

}  // namespace bourse::program
