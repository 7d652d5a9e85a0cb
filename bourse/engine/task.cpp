#include "bourse/engine/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::size_t kShownLine = 300;  ///< Bytes of the last line that are told.

/// Unless the variable is there.
void add_variable(std::vector<std::string>& environment, std::string_view name,
                  std::string_view value) {
  const std::string start = fmt::format("{}=", name);
  const bool is_there = std::ranges::any_of(
      environment, [&](const std::string& variable) { return variable.starts_with(start); });
  if (!is_there) environment.push_back(fmt::format("{}{}", start, value));
}

}  // namespace

std::vector<std::string> environment_of(const TaskSpec& task, const CellSpec& cell) {
  std::vector<std::string> environment = task.environment;
  add_variable(environment, "BOURSE_CELL", text_of(cell.id));
  add_variable(environment, "BOURSE_CELL_DIRECTORY", cell.directory);
  if (!task.devices.empty())
    add_variable(environment, "CUDA_VISIBLE_DEVICES",
                 fmt::format("{}", fmt::join(task.devices, ",")));
  return environment;
}

Task::Task(World& world, const CellSpec& cell, const TaskSpec& spec, Listener listener)
    : world_(world),
      cell_(cell),
      spec_(spec),
      listener_(std::move(listener)),
      log_(world.files, spec.log_file, cell.log_size) {}

Result<void> Task::start(const Confinement& confinement) {
  if (!spec_.progress_pattern.empty()) {
    BOURSE_TRY(pattern_, ProgressPattern::compile(spec_.progress_pattern));
  }
  BOURSE_TRY_VOID(log_.open());
  const Result<ProcessId> process = world_.processes.spawn(
      {.command = spec_.command,
       .environment = environment_of(spec_, cell_),
       .directory = spec_.directory,
       .fifo = spec_.fifo,
       .cpus = confinement.cpus,
       .memory_limit = confinement.memory_limit,
       .cgroup = confinement.cgroup,
       .dies_with_us = true,
       .on_output = alive_.guard(
           [this](OutputStream stream, std::string_view bytes) { on_output(stream, bytes); }),
       .on_exit = alive_.guard([this](ExitStatus status) { on_exit(status); })});
  if (!process) {
    note(process.error().message);
    return tl::unexpected<Error>(process.error());
  }
  is_running_ = true;
  return {};
}

void Task::on_output(OutputStream stream, std::string_view bytes) {
  LineSplitter& lines = lines_[static_cast<std::size_t>(stream)];
  if (stream == OutputStream::fifo) {
    lines.add(bytes, [this](std::string_view line) { on_progress_line(line); });
    return;
  }
  write_log(bytes);
  lines.add(bytes, [this](std::string_view line) { on_line(line); });
}

void Task::on_line(std::string_view line) {
  if (!trim(line).empty()) last_line_ = line.substr(0, kShownLine);
  if (!pattern_) return;
  if (const auto report = pattern_->find(line)) listener_.on_progress(*report);
}

void Task::on_progress_line(std::string_view line) {
  if (trim(line).empty()) return;
  const auto report = parse_progress_line(line);
  if (report) return listener_.on_progress(*report);
  if (++bad_lines_ == 1)
    note(fmt::format("a line of progress was left out, and so will be others like it: {}",
                     report.error().message));
}

void Task::on_exit(ExitStatus status) {
  is_running_ = false;
  if (bad_lines_ > 1) note(fmt::format("{} lines of progress were left out", bad_lines_));
  std::string message;
  if (!status.is_success()) {
    message = fmt::format("{} {} {}", spec_.name(), status.signal != 0 ? "was" : "ended with",
                          text_of(status));
    if (!last_line_.empty())
      message += fmt::format("; its last line: {}", quotable(last_line_, kShownLine));
  }
  listener_.on_end(status, std::move(message));
}

/// A log that cannot be written loses lines, but does not end the task.
void Task::write_log(std::string_view bytes) {
  const Result<void> written = log_.append(bytes);
  if (written) {
    if (!log_error_.empty()) note(fmt::format("lines are missing above: {}", log_error_));
    log_error_.clear();
  } else if (log_error_.empty()) {
    log_error_ = written.error().message;
  }
}

/// A line of ours in the log of the task, where its user looks.
void Task::note(std::string_view sentence) {
  // There is no better place to tell that the log cannot be written.
  (void)log_.append(fmt::format("bourse: {}\n", sentence));
}

}  // namespace bourse
