#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/world/files.h"

namespace bourse {

/// Directory of the cgroup (v2) that a process is in, from its /proc/self/mountinfo and
/// /proc/self/cgroup. Empty if there is none.
[[nodiscard]] std::optional<std::string> own_cgroup(std::string_view mountinfo,
                                                    std::string_view cgroup);

/// One cgroup (v2) a cell, so that the kernel holds all its processes together to its memory and
/// ends them together.
class CellGroups {
 public:
  /// Cgroups for cells under the cgroup at `own`, in a group of this name.
  /// Errors: failed_precondition if memory cannot be handed out there, unavailable or others as
  /// Files; the caller does without then.
  [[nodiscard]] static Result<CellGroups> open(Files& files, const std::string& own,
                                               const std::string& name);

  /// Makes the cgroup of a cell; its directory. `memory` in bytes; 0: no limit.
  [[nodiscard]] Result<std::string> make(const std::string& cell, std::uint64_t memory);
  /// Kills all that is in a cgroup. Nothing happens if the kernel cannot (before 5.14).
  void kill(const std::string& directory);
  void remove(const std::string& directory);

 private:
  CellGroups(Files& files, std::string directory)
      : files_(&files), directory_(std::move(directory)) {}

  Files* files_;
  std::string directory_;
};

}  // namespace bourse
