#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/engine/cell.h"
#include "bourse/world/network.h"

namespace bourse {

/// How an engine holds the tasks of a cell to their demand.
struct Confinement {
  std::vector<int> cpus;           ///< Processors they may run on; empty: all.
  std::uint64_t memory_limit = 0;  ///< Bytes of data each process may hold; 0: no limit.
  std::string cgroup;              ///< Directory of a cgroup (v2) they start in; empty: none.
  /// Devices of each worker, of those that the agent itself may see; 0: tasks name theirs.
  Amount gpus_per_worker = 0;
  friend bool operator==(const Confinement&, const Confinement&) = default;
};

/// What the agent of a cell reads when it starts; holds the secret, so it is its owner's alone.
struct LaunchFile {
  CellSpec cell;
  Address daemon;
  Confinement confinement;
};

/// "cell.json" in the directory of a cell.
[[nodiscard]] std::string launch_path(const std::string& cell_directory);

[[nodiscard]] std::string launch_file_text(const LaunchFile& launch);
/// Errors: data_corrupted or invalid_argument, "file: field ...".
[[nodiscard]] Result<LaunchFile> parse_launch_file(std::string_view text, std::string_view file);

/// Events that an agent could not deliver before it left, "events.json" in the directory of a cell.
[[nodiscard]] std::string left_events_path(const std::string& cell_directory);
[[nodiscard]] std::string left_events_text(const std::vector<CellEvent>& events);
/// Errors: as parse_launch_file.
[[nodiscard]] Result<std::vector<CellEvent>> parse_left_events(std::string_view text,
                                                               std::string_view file);

}  // namespace bourse
