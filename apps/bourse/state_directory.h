#pragma once

#include <memory>
#include <string>

#include "bourse/base/error.h"
#include "bourse/world/files.h"

namespace bourse {

/// The state directory of a daemon: the one that was named, else ~/.local/state/bourse. Absolute.
[[nodiscard]] std::string state_directory(const std::string& named);

/// Makes the directory and takes its lock, so that no other daemon works in it.
/// Errors: failed_precondition if one does; else as Files.
[[nodiscard]] Result<std::unique_ptr<FileLock>> lock_state_directory(Files& files,
                                                                     const std::string& directory);

}  // namespace bourse
