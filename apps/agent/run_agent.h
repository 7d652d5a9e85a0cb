#pragma once

#include <string>

#include "bourse/base/error.h"

namespace bourse {

/// Looks after the tasks of the cell with this directory until nothing is left to do, as a process
/// and a warden of it; see agent.h. Returns the exit status of the program. To be called while the
/// process has one thread. Errors: as Files if cell.json cannot be read, invalid_argument if it is
/// wrong, resource_exhausted if no process can be made.
[[nodiscard]] Result<int> run_agent(const std::string& cell_directory);

}  // namespace bourse
