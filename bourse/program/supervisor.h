#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bourse/program/output_lines.h"
#include "bourse/program/run.h"
#include "bourse/program/unit_launcher.h"
#include "bourse/world/world.h"

namespace bourse::program {

class DirectoryTable;

/// Keeps the processes of a program: starts them, starts those again that may be, ends all when the
/// program ends. Belongs to the thread of its world.
class Supervisor {
 public:
  struct Options {
    UnitOrder order;  ///< What is the same for all units.
    std::string folder;
    bool uses_tcp = false;
    std::string tcp_host;
    std::vector<std::string> arguments;
    Nanoseconds grace{};
    Nanoseconds silence{};        ///< As of RunOptions; 0: nobody looks.
    std::uint32_t unit_here = 0;  ///< Runs in the process of the launcher; kNoNode: none.
    std::function<void(const std::string& unit, std::string_view line)> on_line;
    /// All processes have ended.
    std::function<void()> on_end;
    /// What starts the processes; null: this machine.
    std::function<std::unique_ptr<UnitLauncher>(World&, UnitLauncher::Events)> make_launcher;
  };
  Supervisor(World& world, RunState& state, DirectoryTable& directory, Options options);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void start();
  /// Has a unit be part of the program, or no more: then it is asked to end, and killed after the
  /// grace. How it ends does not matter.
  void add(std::uint32_t number);
  void remove(std::uint32_t number);
  /// Has the first `count` units of a label, and no other of it, be part of the program.
  void scale(const std::string& label, std::size_t count);
  /// Ends all processes, within the grace. The second time, at once.
  void stop();
  void kill();
  void unit_ready(std::uint32_t unit);
  /// A process lives.
  void unit_beat(std::uint32_t unit);
  /// Why a process is about to end.
  void unit_failed(std::uint32_t unit, const std::string& node, const std::string& message);

 private:
  struct Unit {
    std::string name;
    NodeOptions options;  ///< Of the node of the unit that is restarted most often.
    std::string label;
    std::uint32_t incarnation = 0;
    bool is_alive = false;
    bool was_ready = false;
    bool is_recalled = false;  ///< Ended by us, to be started again.
    bool is_wanted = true;     ///< Part of the program.
    bool is_leaving = false;   ///< Asked to end as it is not wanted, and has not ended.
    bool was_started = false;
    bool has_beaten = false;  ///< Since its start.
    int looks_in_vain = 0;    ///< Since its last beat.
    std::string failed_node;
    std::string message;
    std::unique_ptr<OutputLines> output;
    std::unique_ptr<OutputLines> errors;
    TimerId timer = 0;
  };
  /// Restarts of what is restarted together.
  struct Budget {
    int used = 0;
    int in_a_row = 0;
    Seconds last{};
  };

  void start_unit(std::uint32_t number);
  void unit_ended(std::uint32_t number, ExitStatus status);
  [[nodiscard]] NodeFailure failure_of(const Unit& unit, ExitStatus status);
  void give_up(NodeFailure failure);
  bool restart(std::uint32_t number);
  void start_later(std::uint32_t number, Seconds delay);
  [[nodiscard]] Budget& budget_of(const Unit& unit, std::uint32_t number);
  [[nodiscard]] static bool is_together(const Unit& failed, const Unit& other, RestartScope scope);
  void look_for_silence();
  void name_the_late();
  void end_if_none_lives();
  void write_line(OutputStream stream, const std::string& unit, std::string_view line) const;

  World& world_;
  RunState& state_;
  DirectoryTable& directory_;
  Options options_;
  std::map<std::uint32_t, Unit> units_;
  std::map<std::string, Budget> budgets_;
  std::unique_ptr<UnitLauncher> launcher_;
  bool is_stopping_ = false;
  bool has_ended_ = false;
  TimerId grace_timer_ = 0;
  TimerId silence_timer_ = 0;
};

}  // namespace bourse::program
