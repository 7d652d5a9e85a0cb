#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bourse/world/simulated_clock.h"
#include "bourse/world/simulated_files.h"
#include "bourse/world/simulated_network.h"
#include "bourse/world/simulated_random.h"
#include "bourse/world/world.h"

namespace bourse {

class SimulatedHost;

/// A process of a simulated host, as its program sees it. When it has died its world does nothing
/// any more, and its program is destroyed after the event during which it died.
class SimulatedProcess final : public Processes {
 public:
  SimulatedProcess(SimulatedHost& host, ProcessId id, std::int32_t parent, ProcessOptions options);
  ~SimulatedProcess() override;

  /// The world as this process sees it.
  [[nodiscard]] World& world() { return world_; }
  [[nodiscard]] const ProcessOptions& options() const { return options_; }
  /// Value of a variable of its environment; empty if there is none.
  [[nodiscard]] std::string variable(std::string_view name) const;
  [[nodiscard]] const Life& life() const { return life_; }

  /// Returns from the program.
  void exit(int code);
  /// Instead of what the signal does otherwise; SIGKILL cannot be caught.
  void on_signal(int signal, std::function<void()> callback);
  /// Writes to one of its outputs.
  void write(OutputStream stream, std::string_view bytes);
  /// Writes to a named pipe of the host; nothing happens if there is none at the path.
  void write_to_fifo(const std::string& path, std::string_view bytes);

  [[nodiscard]] Result<ProcessId> spawn(ProcessOptions options) override;
  void signal(ProcessId process, int signal) override;
  [[nodiscard]] bool is_alive(ProcessId process) const override;
  [[nodiscard]] std::vector<ProcessId> descendants(ProcessId process) const override;
  [[nodiscard]] std::vector<ProcessId> with_variable(std::string_view variable) const override;
  [[nodiscard]] ProcessId self() const override { return id_; }
  void adopt_orphans() override { is_subreaper_ = true; }

 private:
  friend class SimulatedHost;

  SimulatedHost& host_;
  ProcessId id_;
  std::int32_t parent_;
  ProcessOptions options_;
  Life life_ = std::make_shared<bool>(true);
  Life spawner_;  ///< Who hears of its output and its end; null: nobody.
  bool is_subreaper_ = false;
  std::map<int, std::function<void()>> signal_callbacks_;
  SimulatedClock clock_;
  SimulatedRandom random_;
  SimulatedFiles files_;
  SimulatedNetwork network_;
  World world_;
  /// What the program keeps while it runs, of any type; destroyed before its world.
  std::shared_ptr<void> state_;
};

}  // namespace bourse
