#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bourse/world/processes.h"

namespace bourse {

/// True if this process has no child, not even one that has ended and was not waited for; then it
/// has no descendants either. Exact.
[[nodiscard]] bool has_no_children();

/// Living descendants of a process, level by level, each level by number. Asks the kernel for the
/// children of each, so the cost grows with the tree and not with the machine. A process whose
/// sibling ends at this very moment may be missed; look again. Empty if the kernel does not tell.
[[nodiscard]] std::optional<std::vector<ProcessId>> descendants_by_children(std::int32_t pid);

}  // namespace bourse
