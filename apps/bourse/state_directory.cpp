#include "apps/bourse/state_directory.h"

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>

namespace bourse {

std::string state_directory(const std::string& named) {
  const char* const home = std::getenv("HOME");
  return std::filesystem::absolute(
      named.empty() ? std::string(home == nullptr ? "" : home) + "/.local/state/bourse" : named);
}

Result<std::unique_ptr<FileLock>> lock_state_directory(Files& files, const std::string& directory) {
  BOURSE_TRY_VOID(files.make_directories(directory));
  Result<std::unique_ptr<FileLock>> lock = files.lock(directory + "/lock");
  if (!lock && lock.error().code == ErrorCode::failed_precondition)
    return fail(ErrorCode::failed_precondition,
                fmt::format("another daemon works in '{}'; use it, or another --state", directory));
  return lock;
}

}  // namespace bourse
