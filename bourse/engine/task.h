#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "bourse/engine/alive.h"
#include "bourse/engine/cell.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/log_file.h"
#include "bourse/engine/progress.h"
#include "bourse/world/world.h"

namespace bourse {

/// Environment of a task: its own, and BOURSE_CELL, BOURSE_CELL_DIRECTORY (by which its processes
/// are found) and CUDA_VISIBLE_DEVICES (if it has devices) unless they are there.
[[nodiscard]] std::vector<std::string> environment_of(const TaskSpec& task, const CellSpec& cell);

/// One task of a cell while it runs: its process, its log, the progress it tells.
class Task {
 public:
  struct Listener {
    std::function<void(const ProgressReport&)> on_progress;
    /// Once. The message is one sentence about a task that failed, with the last line it wrote.
    std::function<void(ExitStatus, std::string message)> on_end;
  };

  /// The cell outlives the task, which is one of its tasks.
  Task(World& world, const CellSpec& cell, const TaskSpec& spec, Listener listener);
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  /// Starts the process. Errors: as Processes::spawn and Files; invalid_argument if the pattern of
  /// progress is none.
  [[nodiscard]] Result<void> start(const Confinement& confinement);
  [[nodiscard]] bool is_running() const { return is_running_; }

 private:
  void on_output(OutputStream stream, std::string_view bytes);
  void on_line(std::string_view line);
  void on_progress_line(std::string_view line);
  void on_exit(ExitStatus status);
  void write_log(std::string_view bytes);
  void note(std::string_view sentence);

  World& world_;
  const CellSpec& cell_;
  const TaskSpec& spec_;
  Listener listener_;
  LogFile log_;
  std::optional<ProgressPattern> pattern_;
  LineSplitter lines_[3];  ///< By OutputStream.
  std::string last_line_;
  std::string log_error_;  ///< The first, while the log cannot be written.
  std::uint64_t bad_lines_ = 0;
  bool is_running_ = false;
  Alive alive_;
};

}  // namespace bourse
