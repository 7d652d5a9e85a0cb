#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/cell.h"
#include "bourse/world/files.h"

// Files of cells that engines keep: in the directory of the cell, and one record a cell that the
// next life of the daemon finds.
namespace bourse {

/// Where what an agent prints goes.
[[nodiscard]] std::string agent_log_path(const std::string& cell_directory);

/// The variable by which all processes of a cell are found. Directories of two daemons differ even
/// where their cells have the same numbers.
[[nodiscard]] std::string mark_of(const std::string& cell_directory);

/// The file as if there was none before; it need not outlive this machine.
[[nodiscard]] Result<void> write_anew(Files& files, const std::string& path, std::string_view text);

/// What the agent of a cell left because it could not deliver it, without events up to `told`.
/// Empty if there is nothing. Errors: as parse_left_events.
[[nodiscard]] Result<std::vector<CellEvent>> events_left(Files& files, const CellSpec& cell,
                                                         std::uint64_t told);

/// Removes what engine and agent wrote there; the directory goes with the last of its files.
void remove_cell_files(Files& files, const std::string& cell_directory,
                       const std::function<void(std::string_view sentence)>& log);

/// What an engine remembers of a cell.
struct CellRecord {
  std::string directory;  ///< Of the cell.
  ProcessId process;      ///< Its agent or warden, as far as known.
};
[[nodiscard]] Result<void> write_cell_record(Files& files, const std::string& path,
                                             const CellRecord& record);
/// Nothing if there is no such file, or it is damaged.
[[nodiscard]] std::optional<CellRecord> read_cell_record(Files& files, const std::string& path);

}  // namespace bourse
