#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bourse/program/deadline.h"
#include "bourse/program/edge_report.h"
#include "bourse/program/program.h"
#include "bourse/program/run_options.h"

namespace bourse::program {

/// How a node failed.
struct NodeFailure {
  std::string node;     ///< "worker/3"; all nodes of a process that ended, "actor/0+critic/0".
  int exit_code = 0;    ///< Of its process.
  int signal = 0;       ///< What killed its process; 0 if nothing did.
  std::string message;  ///< What it threw; empty if nobody knows.
  int restarts = 0;     ///< How often it had been started again before.
  std::vector<std::string> last_lines;  ///< What its process wrote last.
};

/// One sentence.
[[nodiscard]] std::string text_of(const NodeFailure& failure);

/// A program that ended because of its nodes; the first failure is the cause.
class ProgramFailed : public std::runtime_error {
 public:
  ProgramFailed(const std::string& program, std::vector<NodeFailure> failures);
  [[nodiscard]] const std::vector<NodeFailure>& failures() const { return failures_; }

 private:
  std::vector<NodeFailure> failures_;
};

class Run;

/// A program that runs. It ends when every node with a run(), daemons aside, has returned; a
/// program of services alone runs until somebody stops it. The first node that fails ends it, too.
class Running {
 public:
  Running();
  explicit Running(std::unique_ptr<Run> run);
  /// Stops, and waits for the end.
  ~Running();
  Running(Running&&) noexcept;
  Running& operator=(Running&&) noexcept;

  /// Waits for the end of the program. Throws ProgramFailed.
  void wait();
  /// Waits until all runners of these labels have returned; the program goes on. False if it was
  /// stopped before they had, by a signal or by a node: then nobody answers any more. Throws
  /// ProgramFailed if any node fails meanwhile, std::invalid_argument for a label without runners.
  bool wait(const std::vector<std::string>& labels);
  /// Waits for the end, at most so long; false if it runs on. Throws ProgramFailed.
  bool wait_for(Nanoseconds at_most);
  /// Waits until every node is there; false if it takes longer. Throws ProgramFailed.
  bool wait_until_ready(Nanoseconds at_most);
  /// Has an elastic group (NodeOptions::min_replicas) consist of its first `count` nodes: those
  /// beyond are asked to stop and leave, those that are missing are started. Returns at once.
  /// Throws std::invalid_argument for a group that there is not, or cannot have that size, and
  /// std::logic_error in a job of the scheduler, which alone decides there.
  void scale(const std::string& label, std::size_t count);
  /// How many processes' worth of nodes of a label are part of the program now.
  [[nodiscard]] std::size_t size_of(const std::string& label) const;
  /// Asks all nodes to stop; wait() says when they have.
  void stop();
  /// What has failed until now.
  [[nodiscard]] std::vector<NodeFailure> failures() const;
  /// Calls, bytes and times of all edges that were used. What processes have called is known to the
  /// last second, and when the program has ended to the last call; of a process that was killed, as
  /// it last told.
  [[nodiscard]] std::vector<EdgeReport> edges() const;

  /// True in a process of the program for each launch() that is not its own: nothing runs there.
  [[nodiscard]] bool is_skipped() const { return run_ == nullptr; }

 private:
  std::unique_ptr<Run> run_;
};

/// Runs a program. In a process that was started for nodes of this program it runs these and does
/// not return. Throws std::logic_error for a program without nodes, or one that runs already, and
/// CallError if it cannot be started.
///
/// From then on a CallError or ProgramFailed that nobody catches ends the process with one sentence
/// and status 1, or 128 and the signal that had stopped the program.
[[nodiscard]] Running launch(Program& program, const RunOptions& options = {});

}  // namespace bourse::program
