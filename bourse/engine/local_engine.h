#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/agent_hub.h"
#include "bourse/engine/cell_groups.h"
#include "bourse/engine/device_book.h"
#include "bourse/engine/engine.h"
#include "bourse/engine/host.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/tree_end.h"
#include "bourse/world/world.h"

namespace bourse {

struct LocalEngineOptions {
  /// Machines to play, all of them on this one; empty: this machine as it is.
  std::optional<Cluster> machines;
  /// Where the engine keeps its socket and what it remembers. Absolute; one engine at a time.
  std::string state_directory;
  /// Program and arguments of the agent; "--cell DIRECTORY" is added.
  std::vector<std::string> agent_command{"/proc/self/exe", "agent"};
  std::vector<std::string> agent_environment;  ///< "NAME=value"; tasks do not inherit it.
  /// From the end of a cell until its files are removed: ext4 is slow to make files for a minute
  /// after many were removed, and at the boundary of a slot many cells end and begin.
  Seconds files_stay{30};
  std::function<void(std::string_view sentence)> log = [](std::string_view) {};
};

/// Runs cells as processes of this machine, which may play several. Each cell has an agent, which
/// outlives the daemon. A cell whose agent is gone is swept before its end is told: every process
/// with its BOURSE_CELL_DIRECTORY is killed, so nothing runs twice.
class LocalEngine final : public Engine, private AgentHubListener {
 public:
  /// Errors: as Files and Network::listen; already_exists if another engine listens there.
  [[nodiscard]] static Result<std::unique_ptr<LocalEngine>> open(World& world,
                                                                 LocalEngineOptions options);
  ~LocalEngine() override;

  [[nodiscard]] const Cluster& cluster() const override { return cluster_; }
  void listen(EngineListener& listener) override { listener_ = &listener; }
  void start(const CellSpec& spec) override;
  void adopt(const CellSpec& spec) override;
  void adopted_all() override;
  void stop(CellId id, bool is_urgent) override;
  void acknowledge(CellId id, std::uint64_t number) override;
  [[nodiscard]] std::string host_of(MachineId /*machine*/) const override { return "127.0.0.1"; }
  [[nodiscard]] std::vector<CellStatus> cells() const override;
  [[nodiscard]] std::string confinement() const override;

 private:
  struct Cell {
    CellSpec spec;
    Confinement confinement;
    ProcessId process;            ///< Warden or agent, as far as known; pid 0: not known.
    std::uint64_t end_event = 0;  ///< Number of the event that told its end.
    std::unique_ptr<TreeEnd> sweep;
    bool is_released = false;  ///< Its devices and processors were given back.
  };

  LocalEngine(World& world, LocalEngineOptions options);
  [[nodiscard]] Result<void> set_up();

  void on_event(const CellEvent& event) override;
  void on_agent(CellId id, ProcessId agent) override;
  void on_broken(CellId id) override;
  void on_silent(CellId id) override;
  void on_note(const std::string& sentence) override { options_.log(sentence); }

  [[nodiscard]] Result<ProcessId> launch(Cell& cell);
  /// Chooses devices, processors and memory limit.
  void choose_place(Cell& cell);
  /// Books what it was given in an earlier life.
  void book(const Cell& cell, bool is_taken);
  void release(Cell& cell);
  [[nodiscard]] Amount share_of_worker(const CellSpec& cell) const;
  [[nodiscard]] Amount demand_of(const CellSpec& cell, std::optional<std::size_t> resource) const;

  void sweep(CellId id, const std::string& reason);
  void on_swept(CellId id, const std::string& reason);
  /// What the agent of a cell could not deliver and was not told yet.
  [[nodiscard]] std::vector<CellEvent> left_events(const Cell& cell);
  void fail_later(CellId id, std::string message);
  void drop(CellId id);
  void watch_soon();
  void watch();

  [[nodiscard]] std::string record_path(CellId id) const;
  void write_record(const Cell& cell);
  void sweep_record(CellId id);
  void remove_files(CellId id, const std::string& cell_directory);

  World& world_;
  LocalEngineOptions options_;
  Host host_;
  Cluster cluster_;
  EngineListener* listener_ = nullptr;
  AgentHub hub_;
  std::map<CellId, Cell> cells_;
  std::map<CellId, std::unique_ptr<TreeEnd>> strays_;  ///< Not adopted, being swept.
  std::vector<DeviceBook> gpus_;                       ///< By machine.
  std::optional<DeviceBook> cpus_;                     ///< Of the host, if cells are held to them.
  std::optional<CellGroups> groups_;
  std::optional<std::size_t> gpu_, cpu_, memory_;  ///< Positions in ResourceVector.
  TimerId watch_timer_ = 0;
  Alive alive_;
};

}  // namespace bourse
