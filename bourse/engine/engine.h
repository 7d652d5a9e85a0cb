#pragma once

#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/engine/cell.h"
#include "bourse/model/cluster.h"

namespace bourse {

/// Hears what happens; called from the loop, never from within a call to the engine.
class EngineListener {
 public:
  virtual ~EngineListener() = default;
  virtual void on_cell(const CellEvent& event) = 0;
  /// A machine went down, or came back; `reason` is for people.
  virtual void on_machine(MachineId machine, bool is_up, const std::string& reason) = 0;
};

/// Runs cells on machines: on this one, under Slurm, under Kubernetes. Who decides journals an act
/// before it asks for it; asking twice for the same act does nothing more.
///
/// A restarted daemon calls adopt() for every cell that its journal believes alive, then start()
/// and stop() as before. Cells that exist and were not adopted are ended by the engine.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Machines and what each can hold; does not change.
  [[nodiscard]] virtual const Cluster& cluster() const = 0;
  /// Events go to this listener from now on.
  virtual void listen(EngineListener& listener) = 0;

  /// Starts a cell; what comes of it is told by events. Requires that no cell of another epoch of
  /// the job is alive. Errors: as events, `ended` with CellEnd::failed.
  virtual void start(const CellSpec& cell) = 0;
  /// A cell of an earlier life of this daemon: goes on if it is heard of within its lease, else it
  /// ends with CellEnd::lost.
  virtual void adopt(const CellSpec& cell) = 0;
  /// All cells that the journal knows have been adopted: end every other.
  virtual void adopted_all() = 0;
  /// SIGTERM to the tasks of a cell, SIGKILL after its grace. At once if `is_urgent`.
  virtual void stop(CellId cell, bool is_urgent) = 0;
  /// Events of the cell up to this number are in the journal.
  virtual void acknowledge(CellId cell, std::uint64_t number) = 0;

  /// Where tasks on other machines reach one on this machine: a name or an address.
  [[nodiscard]] virtual std::string host_of(MachineId machine) const = 0;
  /// Cells that have not ended.
  [[nodiscard]] virtual std::vector<CellStatus> cells() const = 0;
  /// How tasks are confined here, one sentence for people: "cgroups: cpu, memory", ...
  [[nodiscard]] virtual std::string confinement() const = 0;
};

}  // namespace bourse
