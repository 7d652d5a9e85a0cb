#pragma once

#include "bourse/base/error.h"
#include "bourse/world/processes.h"

namespace bourse {

/// A process to make. Descriptors stay ours; the process has copies of the three standard ones.
struct LaunchOptions {
  const ProcessOptions* process = nullptr;
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
  int cgroup_procs = -1;  ///< cgroup.procs of the cgroup to start in; -1: ours.
};

/// Errors: invalid_argument for options that no process can have.
[[nodiscard]] Result<void> check_launch(const ProcessOptions& process);

/// Makes the process and returns when it runs its program; one that is not detached must be waited
/// for. Our memory is borrowed, not copied (as by vfork), so that the cost does not grow with our
/// size. Requires check_launch(). Errors: as Processes::spawn.
[[nodiscard]] Result<ProcessId> launch(const LaunchOptions& options);

}  // namespace bourse
