#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/world/processes.h"

namespace bourse {

/// A process as a table of all shows it.
struct ProcessRow {
  ProcessId id;
  std::int32_t parent = 0;
  bool is_alive = true;  ///< False for one that has ended and was not waited for.
};

/// Parses /proc/<pid>/stat, whose second field may hold spaces and brackets. Empty if it is none.
[[nodiscard]] std::optional<ProcessRow> parse_process_stat(std::string_view text);

/// Reads the row of a process; empty if there is none with this number.
[[nodiscard]] std::optional<ProcessRow> process_row(std::int32_t pid);

/// All processes that /proc shows, by number.
[[nodiscard]] std::vector<ProcessRow> all_processes();

/// Living rows that descend from one of `roots`, level by level, each level by number. The roots
/// themselves are left out.
[[nodiscard]] std::vector<ProcessId> descendants_in(const std::vector<ProcessRow>& table,
                                                    const std::vector<ProcessId>& roots);

/// The roots and all that descend from them, sorted, each once.
[[nodiscard]] std::vector<ProcessId> trees_in(const std::vector<ProcessRow>& table,
                                              std::vector<ProcessId> roots);

/// True if the process belongs to our user and has this "NAME=value" in its first environment.
/// False if the environment cannot be read.
[[nodiscard]] bool has_variable(std::int32_t pid, std::string_view variable);

}  // namespace bourse
