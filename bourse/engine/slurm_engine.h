#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/agent_hub.h"
#include "bourse/engine/engine.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/machine_watch.h"
#include "bourse/engine/slurm_commands.h"
#include "bourse/engine/slurm_site.h"
#include "bourse/world/world.h"

namespace bourse {

struct SlurmEngineOptions {
  /// Where the engine keeps what it remembers. Absolute, and the same on all nodes.
  std::string state_directory;
  SlurmCommandOptions commands;
  SlurmShare share;
  /// Program and arguments of the agent, as found on the nodes; "--cell DIRECTORY" is added.
  std::vector<std::string> agent_command;
  std::vector<std::string> agent_environment;  ///< "NAME=value", beside that of the commands.
  std::string listen_host = "0.0.0.0";         ///< Where we wait for agents.
  std::string agents_host;                     ///< The name or address by which agents find us.
  std::uint16_t port = 0;    ///< For agents; 0: one that is free, the same in every life.
  Seconds poll{10};          ///< Slurm is asked so often what it thinks.
  Seconds patience{60};      ///< A cell that waits in Slurm's queue for longer is given up.
  Seconds time_limit{3600};  ///< Of every cell; extended while it lives.
  std::string helper;        ///< Path of bourse-slurm-helper; empty: Slurm's commands do it all.
  /// Slurm lists nodes that cluster() has not: an engine that is opened now would have them. May be
  /// called at each poll; whoever hears it need not act.
  std::function<void(const std::string& nodes)> on_new_nodes = [](const std::string&) {};
  std::function<void(std::string_view sentence)> log = [](std::string_view) {};
};

/// Runs cells as batch jobs of Slurm: for each one job, on its machine alone, never requeued, whose
/// script is the agent. Agents connect to us over TCP; what they say counts. Slurm is asked now and
/// then, in one call for all, what it thinks: cells that it lost end, jobs that nobody expects are
/// cancelled, nodes that it keeps jobs away from are down for us.
///
/// The name of a job names the cell and our state directory. It is looked for before anything is
/// submitted again, and an agent that comes second for a cell is turned away, so a cell never runs
/// twice, even if Slurm starts a job twice.
class SlurmEngine final : public Engine, private AgentHubListener {
 public:
  /// With nodes as discover_nodes() found them. Errors: as Files and Network::listen.
  [[nodiscard]] static Result<std::unique_ptr<SlurmEngine>> open(World& world,
                                                                 SlurmEngineOptions options,
                                                                 std::vector<SlurmNode> nodes);
  ~SlurmEngine() override;

  [[nodiscard]] const Cluster& cluster() const override { return cluster_; }
  void listen(EngineListener& listener) override { listener_ = &listener; }
  void start(const CellSpec& spec) override;
  void adopt(const CellSpec& spec) override;
  void adopted_all() override;
  void stop(CellId id, bool is_urgent) override;
  void acknowledge(CellId id, std::uint64_t number) override;
  [[nodiscard]] std::string host_of(MachineId machine) const override {
    return hosts_[machine.index()];
  }
  [[nodiscard]] std::vector<CellStatus> cells() const override;
  [[nodiscard]] std::string confinement() const override;

  /// How often Slurm was asked about all jobs, for tests and figures.
  [[nodiscard]] std::uint64_t polls() const { return polls_; }

 private:
  /// What Slurm last said of the job of a cell.
  enum class Stand : std::uint8_t {
    unknown,  ///< Not asked yet, or the submission is not answered.
    waiting,  ///< In its queue.
    running,  ///< Its script was started.
    gone,     ///< It knows no such live job.
  };
  /// What Slurm says of a cell whose agent may be alive all the same.
  struct Fate {
    std::string sentence;
    bool is_strike = true;  ///< Against its machine.
  };

  struct Cell {
    CellSpec spec;
    std::uint64_t job = 0;  ///< Slurm's number; 0: not known.
    Stand stand = Stand::unknown;
    std::string slurm_reason;         ///< Why it waits.
    std::uint64_t submissions = 0;    ///< Tried so far.
    std::uint64_t known_at_poll = 0;  ///< Polls up to this one were asked before it was submitted.
    Seconds asked{0};                 ///< When it was to start.
    Seconds running_since{0};         ///< As far as we have seen.
    std::uint64_t end_event = 0;      ///< Number of the event that told its end.
    bool is_submitting = false;
    bool is_told_of = false;          ///< slurmctld pushes what happens to its node.
    std::uint64_t agent_at_poll = 0;  ///< Polls up to this one were asked before its agent came.
    bool has_agent = false;  ///< One was let in, in this life or an earlier one, or may have been.
    bool is_recorded = false;    ///< One surely was.
    bool is_heard_of = false;    ///< One was let in, in this life.
    std::optional<Fate> fate;    ///< Counts if its agent does not come within its lease.
    bool is_looked_for = false;  ///< Slurm is being asked what became of its job.
    bool is_extending = false;
    bool is_time_over = false;  ///< We stop it, as its time limit cannot be extended.
    bool is_ending = false;     ///< Its end is told in a moment.
    bool is_leaving = false;    ///< Its end is acknowledged; its agent is told in a moment.
  };

  SlurmEngine(World& world, SlurmEngineOptions options);
  [[nodiscard]] Result<void> set_up(std::vector<SlurmNode> nodes);
  [[nodiscard]] Result<void> listen_for_agents();
  [[nodiscard]] Result<void> save_memory();

  void on_event(const CellEvent& told) override;
  void on_agent(CellId id, ProcessId agent) override;
  void on_broken(CellId id) override;
  void on_silent(CellId id) override;
  void on_note(const std::string& sentence) override { options_.log(sentence); }

  // slurm_engine.cpp: cells come and go.
  void submit(CellId id);
  void on_submitted(CellId id, const Result<std::uint64_t>& job);
  /// What the submission did is not known: its job is looked for, then it is submitted again.
  void submit_again(CellId id, const Error& error);
  void cancel_job(const Cell& cell);
  void cancel_jobs(const std::vector<std::uint64_t>& jobs);
  /// Tells the end of a cell in a moment; what its agent could not deliver comes first. Nothing of
  /// it runs any more, or its agent will not be told to go.
  void end_later(CellId id, CellEnd end, const std::string& message);
  void end_now(CellId id, CellEnd end, const std::string& message);
  void drop(CellId id);
  /// The agent of a cell that ended may go, and its job with it.
  void let_go(CellId id, std::uint64_t number);
  [[nodiscard]] std::string name_of_job(CellId id) const { return slurm_name(memory_.key, id); }
  [[nodiscard]] std::string record_path(CellId id) const;

  // slurm_reconcile.cpp: what Slurm thinks.
  void poll_in(Seconds delay);
  void poll();
  void take_jobs(const Result<std::vector<SlurmJob>>& jobs, std::uint64_t number);
  void take_job(const SlurmJob& job, std::uint64_t poll, std::vector<std::uint64_t>& useless);
  void take_nodes(const Result<std::vector<SlurmNode>>& nodes);
  /// What others hold of a machine, for people; empty if that is nothing, or was not seen twice.
  [[nodiscard]] std::string held_by_others(MachineId machine, const SlurmNode& node);
  /// What Slurm has given to our cells there; nothing if one has just come or gone.
  [[nodiscard]] std::optional<ResourceVector> held_by_us(MachineId machine) const;
  [[nodiscard]] bool is_ours(MachineId machine) const;
  void on_job_ended(std::uint64_t job);
  void note_once(const Error& error);
  void look_for(const std::vector<CellId>& cells);
  void look_at_patience();
  void extend(CellId id, const SlurmJob& job);
  /// What became of the job of a cell that is not listed any more; null: Slurm does not know it.
  void take_fate(CellId id, const SlurmJob* job);
  /// The end of the job may be that of its second start, while the first agent lives.
  [[nodiscard]] bool may_be_of_second_start(CellId id, const SlurmJob& job);
  /// The cell is lost as Slurm said.
  void meet(CellId id, const Fate& fate);
  /// The cell is lost; its machine may be to blame.
  void lose(CellId id, const std::string& message, bool is_machine_gone);
  [[nodiscard]] bool has_life(MachineId machine, CellId but) const;
  void tell_machines();

  World& world_;
  SlurmEngineOptions options_;
  SlurmMemory memory_;
  Cluster cluster_;
  std::vector<std::string> hosts_;  ///< By MachineId.
  std::map<std::string, MachineId, std::less<>> machines_;
  std::vector<int> polls_held_;      ///< By MachineId: in a row in which others held some of it.
  std::vector<std::string> others_;  ///< By MachineId: what they held at the last poll.
  EngineListener* listener_ = nullptr;
  SlurmCommands commands_;
  AgentHub hub_;
  MachineWatch watch_;
  std::map<CellId, Cell> cells_;
  std::map<CellId, Seconds> ended_;  ///< Whose agents may still be leaving, and since when.
  std::string last_error_;           ///< Of a poll; told once.
  std::uint64_t polls_ = 0;
  TimerId poll_timer_ = 0;
  Seconds poll_due_ = kForever;
  bool is_polling_ = false;
  bool has_adopted_all_ = false;
  bool may_extend_ = true;
  Alive alive_;
};

}  // namespace bourse
