#include "bourse/world/simulated_files.h"

#include <fmt/format.h>

#include "bourse/base/text.h"
#include "bourse/world/simulated_vfs.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

class SimulatedFileLock final : public FileLock {
 public:
  SimulatedFileLock(SimulatedLocks& locks, std::string path, Life life)
      : locks_(locks), path_(std::move(path)), life_(std::move(life)) {}
  ~SimulatedFileLock() override {
    // A dead process has given it back already, and another may have it.
    if (*life_) locks_.erase(path_);
  }

 private:
  SimulatedLocks& locks_;
  std::string path_;
  Life life_;
};

}  // namespace

SimulatedFiles::SimulatedFiles(SimulatedDisk& disk, SimulatedLocks& locks, Life life)
    : disk_(disk), locks_(locks), life_(std::move(life)) {}
SimulatedFiles::~SimulatedFiles() = default;

Result<void> SimulatedFiles::check_alive(const std::string& path) const {
  if (*life_) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("cannot reach '{}': this process is dead", quotable(path, 200)));
}

Result<std::string> SimulatedFiles::read(const std::string& path) {
  return read_part(path, 0, UINT64_MAX);
}

Result<std::string> SimulatedFiles::read_part(const std::string& path, std::uint64_t offset,
                                              std::uint64_t size) {
  BOURSE_TRY_VOID(check_alive(path));
  BOURSE_TRY(const auto file, disk_.find("read", path));
  return offset < file->bytes.size() ? file->bytes.substr(offset, size) : "";
}

Result<void> SimulatedFiles::write(const std::string& path, std::string_view bytes) {
  BOURSE_TRY_VOID(check_alive(path));
  return disk_.replace(path, bytes);
}

Result<void> SimulatedFiles::append(const std::string& path, std::string_view bytes) {
  BOURSE_TRY_VOID(check_alive(path));
  BOURSE_TRY(const auto file, disk_.find_or_make("write", path));
  return disk_.write_at(path, *file, file->bytes.size(), bytes);
}

Result<std::uint64_t> SimulatedFiles::size(const std::string& path) {
  BOURSE_TRY_VOID(check_alive(path));
  BOURSE_TRY(const auto file, disk_.find("read", path));
  return file->bytes.size();
}

bool SimulatedFiles::exists(const std::string& path) { return *life_ && disk_.exists(path); }

Result<void> SimulatedFiles::rename(const std::string& from, const std::string& to) {
  BOURSE_TRY_VOID(check_alive(from));
  return disk_.rename(from, to);
}

Result<void> SimulatedFiles::remove(const std::string& path) {
  BOURSE_TRY_VOID(check_alive(path));
  return disk_.remove(path);
}

Result<void> SimulatedFiles::make_directories(const std::string& path) {
  BOURSE_TRY_VOID(check_alive(path));
  return disk_.make_directories(path);
}

Result<std::vector<std::string>> SimulatedFiles::list(const std::string& path) {
  BOURSE_TRY_VOID(check_alive(path));
  return disk_.list(path);
}

Result<std::unique_ptr<FileLock>> SimulatedFiles::lock(const std::string& path) {
  BOURSE_TRY_VOID(check_alive(path));
  BOURSE_TRY(const auto file, disk_.find_or_make("lock", path));
  Life& holder = locks_[path];
  if (holder && *holder)
    return fail(ErrorCode::failed_precondition,
                fmt::format("cannot lock '{}': another process holds it", quotable(path, 200)));
  holder = life_;
  return std::make_unique<SimulatedFileLock>(locks_, path, life_);
}

const char* SimulatedFiles::sqlite_vfs() const {
  if (!vfs_) vfs_ = std::make_unique<SimulatedVfs>(disk_, life_);
  return vfs_->name();
}

}  // namespace bourse
