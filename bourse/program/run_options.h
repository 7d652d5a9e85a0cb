#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/program/tls.h"

namespace bourse::program {

/// Where the nodes of a program run.
enum class Placement : std::uint8_t {
  threads,    ///< All in this process; calls go by memory.
  processes,  ///< A process for each unit, on this machine; calls go by unix sockets.
  tcp,        ///< The same with TCP sockets, as between machines.
  job,        ///< This process is a task of a job of bourse, which says where processes run.
};

/// How a program is run.
struct RunOptions {
  Placement placement = Placement::threads;
  /// Threads only: calls go by socket all the same. For tests of what a program sends.
  bool forces_wire = false;
  /// How long nodes may take to stop; then they are named and ended. 0: at once.
  std::chrono::nanoseconds grace = std::chrono::seconds(10);
  /// How long a call waits for a node to be there.
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds(30);
  /// Deadline of calls whose handle has none of its own; 0: none.
  std::chrono::nanoseconds call_timeout{};
  /// Bytes; a larger message is refused where it is sent.
  std::size_t largest_message = std::size_t{1} << 30;
  /// A process that is not heard of for so long is taken for lost: calls to it fail with
  /// unavailable, and the launcher ends it, as a failure of its nodes. 0, and with `only`: never.
  std::chrono::nanoseconds silence = std::chrono::seconds(30);
  /// Host that processes listen at with Placement::tcp; "*" for every address of the machine.
  std::string tcp_host = "127.0.0.1";
  /// Connections by TCP are encrypted, and both ends show a certificate; empty: in the clear.
  TlsFiles tls;
  /// Arguments that processes are started with; empty: those of this process.
  std::vector<std::string> arguments;
  /// "label/0": this node, and those of its process, run in this very process, for a debugger; all
  /// others are processes of their own.
  std::string only;
  /// When the program has ended, Running::edges() is written to the standard error, as a table.
  bool prints_edges = false;
  /// launch() prints Program::spec_json() and ends the process: this is how `bourse submit` learns
  /// what the program needs.
  bool is_described = false;
  /// Gets every line that nodes write, with the name of the unit; null: they are written to our
  /// outputs, each behind "[name] ".
  std::function<void(const std::string& unit, std::string_view line)> on_line;
};

/// Options from the command line and the environment: --launch=threads|processes|tcp (or
/// BOURSE_LAUNCH), --only=label/0, --grace=SECONDS, --silence=SECONDS, --edges,
/// --tls-certificate=FILE, --tls-key=FILE, --tls-authority=FILE, and what `bourse submit` adds to
/// the command of a job: --launch=job, --describe. Other arguments are left alone. Throws
/// std::invalid_argument with one sentence.
[[nodiscard]] RunOptions run_options(int argc, const char* const* argv);

/// RunOptions::silence as it holds: nodes that somebody debugs are not taken for lost.
[[nodiscard]] std::chrono::nanoseconds silence_of(const RunOptions& options);

}  // namespace bourse::program
