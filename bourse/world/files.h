#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// Held as long as it lives.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Files and directories. New ones are readable and writable by their owner alone.
/// Errors of all functions: not_found, already_exists, resource_exhausted (disk full, quota),
/// failed_precondition (permissions, a directory in the way), unavailable (the device failed); the
/// message names the path and what the system said.
class Files {
 public:
  virtual ~Files() = default;

  [[nodiscard]] virtual Result<std::string> read(const std::string& path) = 0;
  /// At most `size` bytes from `offset` on; fewer, or none, at the end of the file.
  [[nodiscard]] virtual Result<std::string> read_part(const std::string& path, std::uint64_t offset,
                                                      std::uint64_t size) = 0;
  /// Replaces the whole file in one step: after a crash at any moment it is the old or the new one.
  /// On return it is on the disk.
  [[nodiscard]] virtual Result<void> write(const std::string& path, std::string_view bytes) = 0;
  /// Adds to the end of the file, made if there is none. Not on the disk when it returns.
  [[nodiscard]] virtual Result<void> append(const std::string& path, std::string_view bytes) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size(const std::string& path) = 0;
  /// True for files, directories and sockets.
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  /// Over an existing file: replaces it in one step.
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  /// A file, or a directory with all that is in it. No error if there is none.
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;
  /// With all parents; no error if it exists.
  [[nodiscard]] virtual Result<void> make_directories(const std::string& path) = 0;
  /// Names in a directory without "." and "..", sorted.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
  /// Takes the lock of a file, which is made if there is none. The system gives it back when the
  /// process dies. Errors: failed_precondition if another process holds it.
  [[nodiscard]] virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  /// The name under which SQLite knows these files (the last argument of sqlite3_open_v2); null:
  /// the default of the system.
  [[nodiscard]] virtual const char* sqlite_vfs() const = 0;
};

}  // namespace bourse
