#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bourse/program/control.h"
#include "bourse/program/deadline.h"
#include "bourse/program/program_graph.h"
#include "bourse/program/run_options.h"
#include "bourse/program/running.h"

namespace bourse::program {

/// What is known of a program that runs: which nodes are there, which have returned or failed.
/// Threads and processes report to it; any thread may call.
class RunState {
 public:
  explicit RunState(std::shared_ptr<ProgramGraph> graph);

  [[nodiscard]] const ProgramGraph& graph() const { return *graph_; }

  void unit_ready(std::uint32_t unit);
  /// The process of a unit is started again: its runners begin anew.
  void unit_restarts(std::uint32_t unit);
  /// The unit is no part of the program for now, and nobody waits for it; or it is again.
  void unit_left(std::uint32_t unit);
  void unit_joined(std::uint32_t unit);
  void runner_returned(std::uint32_t node);
  void failed(NodeFailure failure);
  /// Everything has ended.
  void ended();

  /// Waits until all runners (those of `labels`, unless empty) have returned, anything has failed,
  /// or the end. False if `until` has passed first.
  bool wait_for_runners(const std::vector<std::string>& labels, Deadline until);
  /// True if no runner of these labels is left that has not returned.
  [[nodiscard]] bool have_returned(const std::vector<std::string>& labels) const;
  bool wait_for_end(Deadline until);
  bool wait_until_ready(Deadline until);
  /// Units of a label that are part of the program now.
  [[nodiscard]] std::size_t size_of(std::string_view label) const;
  [[nodiscard]] std::vector<NodeFailure> failures() const;
  /// What the nodes of another process have called until now; and of all such processes, added up.
  void edges_of(const UnitBeat& beat);
  [[nodiscard]] std::vector<EdgeCounts> edges() const;

 private:
  bool wait(Deadline until, const std::function<bool()>& is_over);

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  mutable std::mutex mutex_;             ///< Guards what follows.
  std::condition_variable changed_;
  std::set<std::uint32_t> present_units_;
  std::set<std::uint32_t> ready_units_;
  std::set<std::uint32_t> runners_;  ///< That have not returned.
  std::vector<NodeFailure> failures_;
  /// By unit and incarnation.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<EdgeCounts>> edges_;
  bool has_ended_ = false;
};

/// A launched program, wherever its nodes are.
class Run {
 public:
  virtual ~Run() = default;
  /// Asks all nodes to stop. Any thread may call.
  virtual void stop() = 0;
  /// Sets which units are part of the program, out of those of a group: the first `count`.
  virtual void scale(const std::string& label, std::size_t count) = 0;
  [[nodiscard]] virtual RunState& state() = 0;
  /// All calls of the program that are known of here.
  [[nodiscard]] virtual std::vector<EdgeCounts> edges() = 0;

 protected:
  /// For RunOptions::prints_edges.
  void print_edges();
};

/// All nodes in this process.
[[nodiscard]] std::unique_ptr<Run> run_as_threads(std::shared_ptr<ProgramGraph> graph,
                                                  const RunOptions& options);
/// A supervised process for each unit. `launch` is what UnitOrder says.
[[nodiscard]] std::unique_ptr<Run> run_as_processes(std::shared_ptr<ProgramGraph> graph,
                                                    const RunOptions& options,
                                                    std::uint32_t launch);
struct JobTask;
/// The same in a job, for its launcher.
[[nodiscard]] std::unique_ptr<Run> run_as_job(std::shared_ptr<ProgramGraph> graph,
                                              const RunOptions& options, std::uint32_t launch,
                                              const JobTask& task);

}  // namespace bourse::program
