#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// A process of this machine. The number alone would be used again after its end.
struct ProcessId {
  std::int32_t pid = 0;
  std::uint64_t started = 0;  ///< Clock ticks since the machine started.
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};

/// How a process ended: exactly one is set.
struct ExitStatus {
  int code = 0;    ///< What it returned.
  int signal = 0;  ///< What killed it; 0 if it returned.
  [[nodiscard]] bool is_success() const { return code == 0 && signal == 0; }
  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

/// "exit status 3", "killed by signal 9 (Killed)".
[[nodiscard]] std::string text_of(ExitStatus status);

enum class OutputStream : std::uint8_t {
  standard_output,
  standard_error,
  fifo,  ///< What was written to ProcessOptions::fifo.
};

/// A process to start. It is the leader of a session of its own and inherits no file descriptor but
/// the three standard ones; standard input is empty.
struct ProcessOptions {
  std::vector<std::string> command;      ///< Program and arguments; no shell. Found by PATH.
  std::vector<std::string> environment;  ///< "NAME=value", all of it.
  std::string directory;                 ///< Working directory; empty: that of this process.
  std::string output_file;  ///< Both outputs are added to this file; empty: see on_output.
  std::string fifo;       ///< A named pipe made at this path while the process lives; empty: none.
  std::vector<int> cpus;  ///< Processors it may run on; empty: all.
  std::uint64_t memory_limit = 0;  ///< Bytes of data it may hold (RLIMIT_DATA); 0: no limit.
  std::string cgroup;              ///< Directory of a cgroup (v2) that it starts in; empty: ours.
  /// Killed by the kernel when this process dies. Its own children are not.
  bool dies_with_us = false;
  /// Goes on when this process dies and is not waited for: no on_exit, no on_output.
  bool is_detached = false;
  /// Called with output as it comes, in pieces of any size; null: it is thrown away.
  std::function<void(OutputStream, std::string_view)> on_output;
  /// Called once, when the process has ended and what it wrote until then has been passed on. That
  /// its children still hold the outputs open does not delay the call.
  std::function<void(ExitStatus)> on_exit;
};

/// Starts, finds and signals processes.
class Processes {
 public:
  virtual ~Processes() = default;

  /// Errors: not_found if there is no such program or directory, failed_precondition if it may not
  /// be executed, resource_exhausted if no process can be made. The message names the program.
  [[nodiscard]] virtual Result<ProcessId> spawn(ProcessOptions options) = 0;
  /// Sends a signal to one process. Nothing happens if it has ended.
  virtual void signal(ProcessId process, int signal) = 0;
  [[nodiscard]] virtual bool is_alive(ProcessId process) const = 0;
  /// All that descend from the process and live, children before grandchildren; not itself.
  [[nodiscard]] virtual std::vector<ProcessId> descendants(ProcessId process) const = 0;
  /// All processes of our user, on this machine, that were started with this variable
  /// ("NAME=value") in their environment, or descend by fork from one that was.
  [[nodiscard]] virtual std::vector<ProcessId> with_variable(std::string_view variable) const = 0;
  [[nodiscard]] virtual ProcessId self() const = 0;
  /// From now on descendants whose parent ends become children of this process, and are waited for.
  virtual void adopt_orphans() = 0;
};

}  // namespace bourse
