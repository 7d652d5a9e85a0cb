#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/engine/engine.h"
#include "bourse/policy/registry.h"
#include "bourse/service/service.h"
#include "bourse/world/manual_clock.h"
#include "bourse/world/real_world.h"

namespace bourse::testing {

/// Does what it is asked for only on paper; the test says what comes of it. Checks what every
/// engine relies on: no two epochs of a job at once, no machine over its capacity.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(Cluster cluster) : cluster_(std::move(cluster)) {}

  [[nodiscard]] const Cluster& cluster() const override { return cluster_; }
  void listen(EngineListener& listener) override { listener_ = &listener; }
  void start(const CellSpec& cell) override {
    for (const auto& [id, spec] : cells_)
      EXPECT_FALSE(id.job == cell.id.job && id.epoch != cell.id.epoch)
          << text_of(cell.id) << " starts while " << text_of(id) << " is alive";
    cells_[cell.id] = cell;
    expect_room(cell.id.machine);
    started.push_back(cell);
  }
  void adopt(const CellSpec& cell) override {
    adopted.push_back(cell.id);
    cells_[cell.id] = cell;
  }
  void adopted_all() override { is_adopted = true; }
  void stop(CellId cell, bool is_urgent) override { stopped.emplace_back(cell, is_urgent); }
  void acknowledge(CellId cell, std::uint64_t number) override { acknowledged[cell] = number; }
  [[nodiscard]] std::string host_of(MachineId /*machine*/) const override { return "127.0.0.1"; }
  [[nodiscard]] std::vector<CellStatus> cells() const override {
    std::vector<CellStatus> all;
    for (const auto& [id, spec] : cells_) all.push_back({.id = id, .host = "here"});
    return all;
  }
  [[nodiscard]] std::string confinement() const override { return "none"; }

  void tell(const CellEvent& event) { listener_->on_cell(event); }
  void tell_started(CellId cell) {
    tell({.cell = cell, .number = ++numbers_[cell], .kind = CellEventKind::started});
  }
  void tell_progress(CellId cell, double samples, Seconds unix_time, bool is_saved = false,
                     std::optional<double> workers = {}) {
    CellEvent event{.cell = cell, .kind = CellEventKind::progress, .unix_time = unix_time};
    event.task = "worker-0";
    event.progress.samples = samples;
    event.progress.checkpointed = is_saved;
    event.progress.workers = workers;
    tell(event);
  }
  void tell_ended(CellId cell, CellEnd end, const std::string& message = "") {
    cells_.erase(cell);
    CellEvent event{.cell = cell, .number = ++numbers_[cell], .kind = CellEventKind::ended};
    event.end = end;
    event.message = message;
    tell(event);
  }
  void tell_machine(MachineId machine, bool is_up) {
    listener_->on_machine(machine, is_up, is_up ? "" : "power");
  }
  /// Ends every cell that was told to stop.
  void obey() {
    for (const auto& [cell, is_urgent] : std::exchange(stopped, {}))
      if (cells_.contains(cell)) tell_ended(cell, CellEnd::stopped);
  }
  /// The machines of the next life of the daemon.
  void set_cluster(Cluster cluster) { cluster_ = std::move(cluster); }
  /// A new engine of the same machines, as after a restart of the daemon.
  [[nodiscard]] std::map<CellId, CellSpec> alive() const { return cells_; }

  std::vector<CellSpec> started;
  std::vector<CellId> adopted;
  std::vector<std::pair<CellId, bool>> stopped;
  std::map<CellId, std::uint64_t> acknowledged;
  bool is_adopted = false;

 private:
  void expect_room(MachineId machine) {
    ResourceVector used(cluster_.types.size());
    for (const auto& [id, spec] : cells_)
      if (id.machine == machine)
        for (std::size_t r = 0; r < used.size(); ++r) used[r] += spec.demand[r];
    for (std::size_t r = 0; r < used.size(); ++r)
      EXPECT_LE(used[r], cluster_.capacity(machine)[r]) << "machine " << machine.value;
  }

  Cluster cluster_;
  EngineListener* listener_ = nullptr;
  std::map<CellId, CellSpec> cells_;
  std::map<CellId, std::uint64_t> numbers_;
};

/// A directory of its own, removed in the end.
class StateDirectory {
 public:
  StateDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bourse-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~StateDirectory() { std::filesystem::remove_all(path_); }
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// A service with time and engine in the hands of the test. Its journal is a real one.
class ServiceRig {
 public:
  explicit ServiceRig(const std::string& machines = "2x4", std::string policy = "fifo",
                      Settings settings = {})
      : engine(*parse_cluster_short_form(machines)),
        make_policy_([policy = std::move(policy), settings = std::move(settings)] {
          return make_policy(policy, settings, {});
        }) {
    open();
  }
  ServiceRig(const std::string& machines,
             std::function<Result<std::unique_ptr<Policy>>()> make_policy)
      : engine(*parse_cluster_short_form(machines)), make_policy_(std::move(make_policy)) {
    open();
  }

  /// The daemon dies and another one goes on with its directory and the same cells.
  void restart() {
    service.reset();
    open();
  }

  JobNumber submit(const std::string& text) {
    const Result<JobView> job = service->submit({.text = text, .directory = "/tmp"});
    EXPECT_TRUE(job.has_value()) << job.error().message;
    clock.settle();
    return job ? job->number : 0;
  }
  [[nodiscard]] JobView job(JobNumber number) const { return service->job(number)->job; }
  [[nodiscard]] JobPhase phase(JobNumber number) const { return job(number).phase; }
  /// All cells that wait to be started are.
  void start_all() {
    for (const auto& [id, spec] : engine.alive()) engine.tell_started(id);
    clock.settle();
  }

  StateDirectory directory;
  RealWorld real;
  ManualClock clock;
  FakeEngine engine;
  std::unique_ptr<Service> service;
  std::optional<Error> fatal;

 private:
  void open() {
    const World& outside = real.world();
    const World world{clock, outside.random, outside.files, outside.processes, outside.network};
    ServiceOptions options;
    options.directory = directory.path();
    options.make_policy = make_policy_;
    options.on_fatal = [this](const Error& error) { fatal = error; };
    Result<std::unique_ptr<Service>> opened = Service::open(world, engine, std::move(options));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    service = *std::move(opened);
    clock.settle();
  }

  std::function<Result<std::unique_ptr<Policy>>()> make_policy_;
};

/// A job file of so many workers with a GPU each.
[[nodiscard]] inline std::string job_of(int workers, const std::string& more = "") {
  return "name: j\nworkers:\n  command: [train]\n  count: " + std::to_string(workers) +
         "\n  resources: {gpu: 1}\nwork: {duration: 100s}\n" + more;
}

}  // namespace bourse::testing
