#pragma once

#include <string>
#include <vector>

#include "bourse/base/quantity.h"

namespace bourse {

/// What a simple program does, in this order. A simulated host runs it as it is; shell_command()
/// gives a program of this machine that does the same.
struct ProcessScript {
  std::string output;                   ///< Written to standard output.
  std::string error_output;             ///< Written to standard error.
  std::string fifo_output;              ///< Written to the named pipe that $FIFO names.
  std::vector<ProcessScript> children;  ///< Started, not waited for.
  Seconds duration{0};                  ///< Time until it ends; kForever: until it is killed.
  int code = 0;                         ///< What it returns.
  bool ignores_terminate = false;       ///< SIGTERM does nothing.
};

/// Command of a POSIX shell.
[[nodiscard]] std::vector<std::string> shell_command(const ProcessScript& script);

}  // namespace bourse
