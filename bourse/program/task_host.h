#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bourse/program/directory.h"
#include "bourse/program/handle.h"
#include "bourse/program/job_task.h"
#include "bourse/program/run_options.h"
#include "bourse/program/unit_process.h"
#include "bourse/world/processes.h"

namespace bourse::program {

/// A task of a job as it offers itself to the launcher.
struct HostPlace {
  bool is_worker = false;
  std::uint32_t rank = 0;
  std::string host;     ///< Where its processes listen.
  std::string address;  ///< Where the task itself is reached.
};

/// The node by which the launcher of a job hears of the tasks, which are hosts of processes. Tasks
/// call it; it passes everything on, from any thread, one at a time.
class HostDesk {
 public:
  struct Events {
    std::function<void(std::uint32_t host, const HostPlace&)> on_join;
    std::function<void(std::uint32_t host)> on_leave;
    std::function<void(std::uint32_t host)> on_beat;
    std::function<void(std::uint32_t unit, bool is_error, const std::string& text)> on_output;
    std::function<void(std::uint32_t unit, ExitStatus status)> on_end;
  };
  HostDesk(std::shared_ptr<DirectoryTable> directory, Events events);

  /// A number for a task that wants to join.
  std::uint32_t enroll() { return hosts_++; }
  void join(std::uint32_t host, const HostPlace& place);
  /// It is to end, and its processes with it.
  void leave(std::uint32_t host) const { events_.on_leave(host); }
  void beat(std::uint32_t host) const { events_.on_beat(host); }
  void output(std::uint32_t unit, bool is_error, const std::string& text) const {
    events_.on_output(unit, is_error, text);
  }
  void ended(std::uint32_t unit, int code, int signal) const {
    events_.on_end(unit, {.code = code, .signal = signal});
  }

 private:
  std::shared_ptr<DirectoryTable> directory_;  ///< Owned by us and by the runtime.
  Events events_;
  std::uint32_t hosts_ = 0;
};

/// The node of a task: starts and ends processes there, as the launcher says.
class TaskHost {
 public:
  struct Events {
    std::function<void(const UnitOrder&)> on_start;
    std::function<void(std::uint32_t unit, int signal)> on_signal;
    std::function<void()> on_release;
  };
  explicit TaskHost(Events events) : events_(std::move(events)) {}

  void start(const UnitOrder& order) const { events_.on_start(order); }
  void signal(std::uint32_t unit, int signal) const { events_.on_signal(unit, signal); }
  /// Nothing is left to do: the task may end.
  void release() const { events_.on_release(); }

 private:
  Events events_;
};

/// Node of the task with this number.
[[nodiscard]] std::uint32_t host_node(std::uint32_t host);

/// Runs what the launcher of the job places here, until it is released; then ends the process.
[[noreturn]] void run_task_host(std::shared_ptr<ProgramGraph> graph, const RunOptions& options,
                                const JobTask& task);

}  // namespace bourse::program
