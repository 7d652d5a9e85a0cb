#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/id.h"
#include "bourse/base/quantity.h"
#include "bourse/model/resources.h"
#include "bourse/world/processes.h"

namespace bourse {

/// A cell: the tasks of one job on one machine in one incarnation. A job that is restarted gets a
/// new incarnation, with a larger epoch; two epochs of a job never run at once. A job that is
/// resized in place has a cell for each task, and these are told apart by their parts.
struct CellId {
  std::uint64_t job = 0;    ///< Number of the job, never used again.
  std::uint32_t epoch = 0;  ///< Incarnation of the job; larger is newer.
  MachineId machine;
  std::uint32_t part = 0;  ///< 0: all tasks on the machine; else never used again by the job.
  friend auto operator<=>(const CellId&, const CellId&) = default;
};

/// "17-3-0": job, epoch, machine; "17-3-0-5" for part 5. parse_cell_id reads it back.
[[nodiscard]] std::string text_of(CellId id);
[[nodiscard]] Result<CellId> parse_cell_id(std::string_view text);

/// What a task is for.
enum class TaskRole : std::uint8_t { worker, server };

/// One process to run in a cell.
struct TaskSpec {
  TaskRole role = TaskRole::worker;
  int rank = 0;                      ///< In its name: among all tasks of its role, over all cells.
  std::vector<std::string> command;  ///< Program and arguments; no shell.
  std::vector<std::string> environment;  ///< "NAME=value", all of it.
  std::string directory;
  std::string log_file;          ///< Both outputs are added to it; made with its directory.
  std::string fifo;              ///< $BOURSE_PROGRESS; empty: none.
  std::string progress_pattern;  ///< Regular expression over lines of output; empty: none.
  std::vector<int> devices;      ///< CUDA devices of its machine, for CUDA_VISIBLE_DEVICES.

  /// "worker-0".
  [[nodiscard]] std::string name() const;
};

/// What an engine needs to know to run a cell.
struct CellSpec {
  CellId id;
  std::string token;      ///< Secret between daemon and agent (make_cell_secret).
  std::string directory;  ///< For files of the cell and its agent; made if there is none.
  ResourceVector demand;  ///< Of all its tasks.
  std::vector<TaskSpec> tasks;
  Seconds grace{30};  ///< Between SIGTERM and SIGKILL.
  Seconds lease{15};  ///< The agent ends the cell when it has not reached the daemon for so long.
  std::uint64_t log_size =
      64 << 20;  ///< Bytes after which a log begins anew; the last two are kept.
};

/// One line of progress of a task, as it was reported.
struct ProgressReport {
  std::optional<double> samples;             ///< Done by the whole job since it began.
  std::optional<double> samples_per_second;  ///< Of the whole job, as measured by the task.
  std::optional<double> compute_per_sample;  ///< Seconds that one worker computes for a sample.
  /// Seconds that each worker spends on exchange with others, for a sample of the whole job.
  std::optional<double> exchange_per_sample;
  std::optional<double> workers;  ///< That take part.
  std::optional<double> loss;
  std::optional<bool> checkpointed;  ///< True: `samples` will not be lost by a restart.
};

enum class CellPhase : std::uint8_t {
  starting,  ///< Its agent was asked for, or waits for leave to start.
  running,   ///< Its tasks were started.
  stopping,  ///< Its tasks were told to end.
  ended,     ///< None of its processes is left.
};

/// Why a cell ended.
enum class CellEnd : std::uint8_t {
  completed,  ///< Every task returned 0.
  failed,     ///< A task failed or could not be started.
  stopped,    ///< We asked for it.
  lost,       ///< Its agent or machine died, or was not heard of for a lease.
};

/// Which of its fields an event has.
enum class CellEventKind : std::uint8_t { started, progress, task_ended, ended };

/// What happened in a cell. Events of a cell come in the order of their numbers, each once for one
/// life of the daemon; those that were not acknowledged come again to the next.
struct CellEvent {
  CellId cell;
  std::uint64_t number = 0;  ///< 1, 2, ... within the cell; 0 needs no acknowledgement.
  CellEventKind kind = CellEventKind::started;
  Seconds unix_time{0};              ///< When it happened, by the clock of its machine.
  std::string task;                  ///< Of progress and task_ended: "worker-0".
  ProgressReport progress;           ///< Of progress.
  ExitStatus status;                 ///< Of task_ended.
  CellEnd end = CellEnd::completed;  ///< Of ended.
  std::string
      message;  ///< Of task_ended and ended: one sentence, e.g. why it could not be started.
};

/// A cell as its engine sees it.
struct CellStatus {
  CellId id;
  CellPhase phase = CellPhase::starting;
  Seconds heard_of{0};  ///< Age of the last sign of life.
  std::string host;     ///< Where it runs, for people.
};

}  // namespace bourse
