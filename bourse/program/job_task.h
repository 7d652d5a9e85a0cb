#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/program/deadline.h"
#include "bourse/program/program_graph.h"

namespace bourse::program {

// A program as a job of bourse (Placement::job). Every task of the job is this program. The task
// server-0 launches it, and runs the nodes that have no place of their own; each other server runs
// a unit of parameter servers, each worker a unit of workers, as the scheduler places them.

/// Units that tasks of the job run, by the role of their nodes. All others run beside the launcher.
struct HostedUnits {
  std::vector<std::uint32_t> servers;  ///< Of the tasks server-1, server-2, ...
  std::vector<std::uint32_t> workers;  ///< As many of the first as there are workers.
};
[[nodiscard]] HostedUnits hosted_units(const ProgramGraph& graph);

/// Has no more than the fewest workers be part of the program at its start: the others join as
/// their tasks do.
void start_with_fewest_workers(ProgramGraph& graph);

/// What a task of a job finds in its environment.
struct JobTask {
  bool is_worker = false;
  std::uint32_t rank = 0;
  std::string host;     ///< Of the launcher: where other machines reach it.
  std::string meeting;  ///< File in which the launcher says where it is.

  [[nodiscard]] bool is_launcher() const { return !is_worker && rank == 0; }
};
/// Throws std::logic_error in a process that is no task of a job with servers.
[[nodiscard]] JobTask task_of_this_process();

/// What the launcher of a job tells the other tasks, by a file that only its owner can read.
struct Meeting {
  std::string control;  ///< Where the launcher is reached.
  std::string token;    ///< Secret of the run.
};
/// Errors: those of the file.
[[nodiscard]] Result<void> write_meeting(const std::string& path, const Meeting& meeting);
/// Waits for it. Errors: deadline_exceeded.
[[nodiscard]] Result<Meeting> await_meeting(const std::string& path, Deadline until);

}  // namespace bourse::program
