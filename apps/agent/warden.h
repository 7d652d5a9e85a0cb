#pragma once

#include "bourse/world/processes.h"

namespace bourse {

/// Which side of watch_over() has returned.
struct Warded {
  bool is_warden = false;
  int status = 0;    ///< Of the warden: exit status of the other process.
  ProcessId warden;  ///< Of the other process.
};

/// Splits this process: the new one returns at once and does the work, while this one only waits
/// for it, and returns when nothing that it started is left. All processes whose parent ends fall
/// to the two; when the new one dies in whatever way, this one kills the last of them. Signals that
/// ask to end are passed on. Errors: resource_exhausted if no process can be made.
[[nodiscard]] Result<Warded> watch_over();

}  // namespace bourse
