#pragma once

#include "bourse/world/files.h"

namespace bourse {

/// The files of this machine. Relative paths start at the working directory.
class RealFiles final : public Files {
 public:
  [[nodiscard]] Result<std::string> read(const std::string& path) override;
  [[nodiscard]] Result<std::string> read_part(const std::string& path, std::uint64_t offset,
                                              std::uint64_t size) override;
  /// By way of `path`.<pid>.tmp, which a crash may leave behind.
  [[nodiscard]] Result<void> write(const std::string& path, std::string_view bytes) override;
  [[nodiscard]] Result<void> append(const std::string& path, std::string_view bytes) override;
  [[nodiscard]] Result<std::uint64_t> size(const std::string& path) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> make_directories(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) override;
  /// By F_OFD_SETLK, so that it works on network file systems too.
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  [[nodiscard]] const char* sqlite_vfs() const override { return nullptr; }
};

}  // namespace bourse
