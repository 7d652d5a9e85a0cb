#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/program/node_options.h"
#include "bourse/program/unit_process.h"
#include "bourse/world/world.h"

namespace bourse::program {

/// Those of RunOptions, or of this process.
[[nodiscard]] std::vector<std::string> arguments_of(const RunOptions& options);

/// What a process of a program is started as.
struct UnitStart {
  UnitOrder order;
  std::vector<std::string> arguments;  ///< Of the program itself.
  NodeResources resources;             ///< Of all nodes of the unit together.
};

/// Starts, asks and ends the processes of a program, somewhere. Events come from the loop that all
/// of this belongs to.
class UnitLauncher {
 public:
  struct Events {
    std::function<void(std::uint32_t unit, OutputStream stream, std::string_view text)> on_output;
    /// Once for each start that has succeeded.
    std::function<void(std::uint32_t unit, ExitStatus status)> on_end;
    /// Where places come and go: there is one for this unit; it is going away.
    std::function<void(std::uint32_t unit)> on_place = nullptr;
    std::function<void(std::uint32_t unit)> on_place_lost = nullptr;
  };
  virtual ~UnitLauncher() = default;

  /// True if the unit can be started now; else on_place tells.
  [[nodiscard]] virtual bool has_place(std::uint32_t) const { return true; }
  /// Errors: whatever keeps the process from being started, in one sentence.
  [[nodiscard]] virtual Result<void> start(const UnitStart& start) = 0;
  /// Asks the process of a unit to end, if it runs.
  virtual void ask(std::uint32_t unit) = 0;
  virtual void kill(std::uint32_t unit) = 0;
  /// No process runs any more: ends what they have left behind, then calls back.
  virtual void clean_up(std::function<void()> on_done) = 0;
};

/// Processes of this machine. None outlives the process that launched it, however that ends: the
/// kernel ends the processes themselves, and a warden what they have started.
class LocalLauncher final : public UnitLauncher {
 public:
  /// Who asks processes to end: we alone, or also whoever ends the whole tree of our processes, as
  /// an engine ends a task. Then an orderly end that we have not asked for is told a moment later,
  /// so that whoever launched the program hears of the task first.
  enum class Asking : std::uint8_t { alone, whole_tree };
  /// `folder` is removed at the end; empty: none.
  LocalLauncher(World& world, std::string folder, Asking asking, Events events);
  ~LocalLauncher() override;

  [[nodiscard]] Result<void> start(const UnitStart& start) override;
  void ask(std::uint32_t unit) override;
  void kill(std::uint32_t unit) override;
  void clean_up(std::function<void()> on_done) override;

 private:
  void signal(std::uint32_t unit, int signal);
  void start_warden();
  void ended(std::uint32_t unit, ExitStatus status);

  World& world_;
  std::string folder_;
  Asking asking_;
  Events events_;
  std::set<std::uint32_t> asked_;
  std::string run_;  ///< "BOURSE_RUN=...", in the environment of every process of the run.
  std::map<std::uint32_t, ProcessId> processes_;
  ProcessId warden_;  ///< No process if none could be started.
  std::function<void()> on_cleaned_up_;
};

}  // namespace bourse::program
