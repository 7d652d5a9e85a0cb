#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bourse/engine/local_engine.h"
#include "bourse/world/real_world.h"

namespace bourse::testing {

/// Keeps what an engine tells.
class Recorder final : public EngineListener {
 public:
  void on_cell(const CellEvent& event) override { events.push_back(event); }
  void on_machine(MachineId, bool, const std::string&) override {}

  [[nodiscard]] bool has(CellId cell, CellEventKind kind) const { return find(cell, kind); }
  [[nodiscard]] const CellEvent* find(CellId cell, CellEventKind kind) const {
    const auto found = std::ranges::find_if(
        events, [&](const CellEvent& e) { return e.cell == cell && e.kind == kind; });
    return found == events.end() ? nullptr : &*found;
  }

  std::vector<CellEvent> events;
};

/// A local engine that plays two machines of two devices, with real agents and real tasks. Nothing
/// is left of them after a test.
class LocalEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bourse-engine-test.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    open_engine();
  }

  void TearDown() override {
    engine_.reset();
    for (const ProcessId process : all_left()) world().processes.signal(process, SIGKILL);
    ASSERT_TRUE(world().files.remove(directory_).has_value());
  }

  std::vector<std::string> agent_environment_{"ASAN_OPTIONS=detect_leaks=0"};

  World& world() { return real_.world(); }
  LocalEngine& engine() { return *engine_; }

  void open_engine() {
    auto engine = LocalEngine::open(
        world(), {.machines = machines_,
                  .state_directory = directory_,
                  .agent_command = {BOURSE_AGENT},
                  .agent_environment = agent_environment_,
                  .files_stay = Seconds(0.1),
                  .log = [this](std::string_view line) { log_ += std::string(line) + "\n"; }});
    ASSERT_TRUE(engine.has_value()) << engine.error().message;
    engine_ = *std::move(engine);
    engine_->listen(recorder_);
  }
  /// The daemon dies: its sockets close, nothing is told to anybody.
  void close_engine() { engine_.reset(); }

  /// A cell of one worker that runs a shell script.
  CellSpec cell(std::uint64_t job, const std::string& script) {
    const CellId id{.job = job, .epoch = 1, .machine = MachineId(0U)};
    CellSpec spec{.id = id,
                  .token = "proved-" + text_of(id),
                  .directory = directory_ + "/cells/" + text_of(id),
                  .demand = {1000},
                  .grace = Seconds(60),
                  .lease = Seconds(60)};
    add_task(spec, script);
    return spec;
  }
  void add_task(CellSpec& spec, const std::string& script) {
    const auto rank = static_cast<int>(spec.tasks.size());
    spec.tasks.push_back({.rank = rank,
                          .command = {"sh", "-c", script},
                          .environment = {"PATH=/usr/bin:/bin"},
                          .directory = directory_,
                          .log_file = log_path(spec.id, rank)});
  }

  std::string log_path(CellId id, int rank = 0) const {
    return directory_ + "/logs/" + text_of(id) + "-" + std::to_string(rank);
  }
  std::string log_of(CellId id, int rank = 0) {
    return world().files.read(log_path(id, rank)).value_or("");
  }

  /// Lets the loop run until the condition holds. The deadline only ends a test that fails.
  ::testing::AssertionResult until(const std::function<bool()>& condition) {
    constexpr Seconds kDeadline{120};
    const Seconds end = world().clock.now() + kDeadline;
    bool holds = false;
    std::function<void()> look = [&] {
      holds = condition();
      if (holds || world().clock.now() > end) return real_.stop();
      world().clock.call_in(Seconds(0.01), look);
    };
    world().clock.call_in(Seconds(0), look);
    real_.run();
    if (holds) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "it does not hold after two minutes; log: " << log_;
  }
  ::testing::AssertionResult until_ended(CellId id) {
    return until([&] { return recorder_.has(id, CellEventKind::ended); });
  }
  /// The task says so in its log: only then are its traps set.
  ::testing::AssertionResult until_logged(CellId id, std::string_view text, int rank = 0) {
    return until([&] { return log_of(id, rank).find(text) != std::string::npos; });
  }

  std::vector<ProcessId> left(const CellSpec& spec) {
    return world().processes.with_variable("BOURSE_CELL_DIRECTORY=" + spec.directory);
  }
  std::vector<ProcessId> all_left() {
    std::vector<ProcessId> all;
    for (std::uint64_t job = 1; job < 10; ++job)
      for (const ProcessId process : left(cell(job, ""))) all.push_back(process);
    return all;
  }
  /// Acknowledges all that was told, as a service does.
  void acknowledge_all() {
    for (const CellEvent& event : recorder_.events)
      if (event.number != 0) engine_->acknowledge(event.cell, event.number);
  }

  RealWorld real_;
  std::string directory_;
  Cluster machines_ = parse_cluster_short_form("2x2").value();
  std::string log_;
  Recorder recorder_;
  std::unique_ptr<LocalEngine> engine_;
};

}  // namespace bourse::testing
