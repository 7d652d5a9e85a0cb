#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bourse/engine/agent_link.h"
#include "bourse/engine/event_outbox.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/task.h"
#include "bourse/engine/tree_end.h"
#include "bourse/world/world.h"

namespace bourse {

/// The supervisor in every cell. It starts the tasks when the daemon says that the cell is current,
/// tells what becomes of them, and ends the last of their processes: when told to, when one task
/// fails, when all have returned, and when it has not been heard of by the daemon for the lease.
/// Meanwhile the daemon may go and come back; events wait until it has them in its journal.
class Agent {
 public:
  struct Options {
    LaunchFile launch;
    /// Ends everything when we die; we do the same when it dies. Pid 0: there is none.
    ProcessId warden;
    /// From the end of a task to what is concluded from it; 0: at once. Whoever ends a whole cell
    /// by signals, as Slurm does, may reach its tasks before us: then they did not end by
    /// themselves.
    Seconds second_thought{0};
    /// Called once when there is nothing left to do; may destroy the agent.
    std::function<void()> on_done;
    std::function<void(std::string_view sentence)> log;
  };

  Agent(World& world, Options options);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  void start();
  /// Ends the tasks with their grace and tells that the cell is lost: somebody wants us gone.
  void terminate();

 private:
  void on_connect();
  void on_message(const AgentMessage& message);
  void handle(const AgentHello& hello);
  void handle(const AgentGo& go);
  void handle(const AgentEnd& end);
  void handle(const AgentStop& stop);
  void handle(const AgentAcknowledge& acknowledge);
  void handle(const AgentHeartbeat& heartbeat);
  void handle(const CellEvent& event);
  void handle(const AgentKnock& knock);
  void handle(const AgentChallenge& challenge);

  void start_tasks();
  /// Kills all and leaves without a word: the cell is not current.
  void leave(std::string_view reason);
  void on_task_end(const TaskSpec& task, ExitStatus status, std::string message);
  /// After a second thought, ends the cell in this way.
  void conclude(CellEnd end, std::string message);
  void draw_conclusion();
  /// Ends what is left of the tasks; `message` is told with the end of the cell.
  void end_tasks(CellEnd end, std::string message, Seconds grace);
  void finish_if_over();
  [[nodiscard]] bool is_any_running() const;

  void tell(CellEvent event);
  void send_events();
  void beat();
  void on_lease_over();
  void done();

  World& world_;
  Options options_;
  CellPhase phase_ = CellPhase::starting;
  CellEnd end_ = CellEnd::completed;  ///< Once stopping.
  std::string end_message_;
  bool is_lease_over_ = false;
  bool is_fenced_ = false;  ///< Nobody waits for our events.
  bool is_tree_gone_ = false;
  EventOutbox outbox_;
  std::uint64_t last_sent_ = 0;  ///< Number of the last event sent over this connection.
  std::vector<std::unique_ptr<Task>> tasks_;
  std::optional<TreeEnd> tree_end_;
  Seconds heard_of_;  ///< The daemon surely has heard of us since then.
  TimerId beat_timer_ = 0;
  TimerId release_timer_ = 0;
  TimerId done_timer_ = 0;
  TimerId conclude_timer_ = 0;
  std::optional<std::pair<CellEnd, std::string>> conclusion_;  ///< And what to say of it.
  std::optional<AgentLink> link_;
};

}  // namespace bourse
