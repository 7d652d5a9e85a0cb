#pragma once

#include <map>
#include <memory>

#include "bourse/world/files.h"
#include "bourse/world/simulated_disk.h"
#include "bourse/world/simulated_schedule.h"

namespace bourse {

class SimulatedVfs;

/// Who holds which lock of a simulated host, by path.
using SimulatedLocks = std::map<std::string, Life>;

/// The files of a simulated host as one of its processes sees them. Once the process is dead,
/// nothing of it reaches the disk: everything fails.
class SimulatedFiles final : public Files {
 public:
  SimulatedFiles(SimulatedDisk& disk, SimulatedLocks& locks, Life life);
  ~SimulatedFiles() override;

  [[nodiscard]] Result<std::string> read(const std::string& path) override;
  [[nodiscard]] Result<std::string> read_part(const std::string& path, std::uint64_t offset,
                                              std::uint64_t size) override;
  [[nodiscard]] Result<void> write(const std::string& path, std::string_view bytes) override;
  [[nodiscard]] Result<void> append(const std::string& path, std::string_view bytes) override;
  [[nodiscard]] Result<std::uint64_t> size(const std::string& path) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> make_directories(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) override;
  [[nodiscard]] Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  /// Made when it is first asked for; goes with the process.
  [[nodiscard]] const char* sqlite_vfs() const override;

 private:
  [[nodiscard]] Result<void> check_alive(const std::string& path) const;

  SimulatedDisk& disk_;
  SimulatedLocks& locks_;
  Life life_;
  mutable std::unique_ptr<SimulatedVfs> vfs_;
};

}  // namespace bourse
