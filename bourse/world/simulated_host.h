#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bourse/world/process_table.h"
#include "bourse/world/simulated_disk.h"
#include "bourse/world/simulated_files.h"
#include "bourse/world/simulated_network.h"
#include "bourse/world/simulated_process.h"

namespace bourse {

/// A program of the simulation: called when a process of it runs its first line. What it returns
/// is kept until the process has died; what else it does, it does from callbacks.
using SimulatedProgram = std::function<std::shared_ptr<void>(SimulatedProcess&)>;

/// What all hosts of a simulation share.
struct SimulatedGround {
  SimulatedWorldOptions options;
  SimulatedSchedule schedule;
  SimulatedNetworkHub network{schedule, options};
  std::map<std::string, SimulatedProgram> programs;  ///< By the first word of their commands.
  std::uint64_t last_started = 0;                    ///< ProcessId::started are never equal.
};

/// A machine of a simulation. Its first process, number 1, runs no program: its world is for who
/// plays the simulation.
class SimulatedHost {
 public:
  SimulatedHost(SimulatedGround& ground, std::string name, std::uint64_t number);
  ~SimulatedHost();
  SimulatedHost(const SimulatedHost&) = delete;
  SimulatedHost& operator=(const SimulatedHost&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  /// The world of its first process. Requires that it is up.
  [[nodiscard]] World& world();
  [[nodiscard]] SimulatedDisk& disk() { return disk_; }
  [[nodiscard]] bool is_up() const { return is_up_; }

  /// All processes vanish, connections fall silent, the disk forgets what was not synced.
  void crash();
  /// After crash(): up again, with nothing running but a new first process.
  void start();
  /// unix_time() jumps, either way.
  void jump_clock(Seconds distance) { unix_offset_ += distance; }
  /// Ends a process at once, even within what it does just now: nothing that it does after this
  /// has an effect.
  void kill(ProcessId process);
  /// All processes that live, but the first.
  [[nodiscard]] std::vector<ProcessId> processes() const;

 private:
  friend class SimulatedProcess;
  using ProcessPointer = std::shared_ptr<SimulatedProcess>;  ///< Of the table, and its burial.

  [[nodiscard]] SimulatedProcess* find(ProcessId id) const;
  [[nodiscard]] std::vector<ProcessRow> table() const;
  [[nodiscard]] SimulatedProcess& add(std::int32_t parent, ProcessOptions options);
  [[nodiscard]] Result<ProcessId> spawn(SimulatedProcess& parent, ProcessOptions options);
  [[nodiscard]] Result<void> prepare(const ProcessOptions& options);
  void signal(ProcessId id, int signal);
  void end(ProcessId id, ExitStatus status, bool is_silent = false);
  void leave_children(const SimulatedProcess& parent);
  [[nodiscard]] std::int32_t adopter_of(std::int32_t pid) const;
  void write(SimulatedProcess& process, OutputStream stream, std::string_view bytes);
  void write_to_fifo(const std::string& path, std::string_view bytes);

  SimulatedGround& ground_;
  std::string name_;
  std::uint64_t number_;
  SimulatedDisk disk_;
  SimulatedLocks locks_;
  Seconds unix_offset_;
  RandomStream random_;
  bool is_up_ = false;
  std::int32_t last_pid_ = 0;
  std::map<std::int32_t, ProcessPointer> processes_;
  std::map<std::string, ProcessId> fifos_;  ///< Who has made the named pipe at a path.
};

}  // namespace bourse
