#include "bourse/world/real_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "bourse/base/text.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

constexpr mode_t kOwnerOnly = 0600;

Result<Descriptor> open_file(const char* what, const std::string& path, int flags) {
  Descriptor file(::open(path.c_str(), flags | O_CLOEXEC, kOwnerOnly));
  if (!file.is_open()) return system_failure(what, path, errno);
  return file;
}

Result<void> write_all(int file, const std::string& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return system_failure("write", path, errno);
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

/// Makes the names in a directory last.
Result<void> sync_directory(const std::string& path) {
  BOURSE_TRY(const Descriptor directory, open_file("open", path, O_RDONLY | O_DIRECTORY));
  // Some file systems have no need of it and refuse.
  if (fsync(directory.number()) != 0 && errno != EINVAL && errno != EROFS)
    return system_failure("sync", path, errno);
  return {};
}

Result<void> write_and_sync(const std::string& path, std::string_view bytes) {
  BOURSE_TRY(const Descriptor file,
             open_file("write", path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW));
  BOURSE_TRY_VOID(write_all(file.number(), path, bytes));
  if (fsync(file.number()) != 0) return system_failure("sync", path, errno);
  return {};
}

/// The lock goes with the descriptor.
class RealFileLock final : public FileLock {
 public:
  explicit RealFileLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;
};

}  // namespace

Result<std::string> RealFiles::read(const std::string& path) {
  return read_part(path, 0, UINT64_MAX);
}

Result<std::string> RealFiles::read_part(const std::string& path, std::uint64_t offset,
                                         std::uint64_t size) {
  // Memory is filled with zeros before it is read into, so a small file asks for little.
  constexpr std::uint64_t kFirstPiece = 4 << 10;
  constexpr std::uint64_t kLargestPiece = 256 << 10;
  BOURSE_TRY(const Descriptor file, open_file("read", path, O_RDONLY));
  std::string bytes;
  while (bytes.size() < size) {
    const std::size_t known = bytes.size();
    const std::uint64_t piece =
        std::min(std::clamp<std::uint64_t>(known, kFirstPiece, kLargestPiece), size - known);
    bytes.resize(known + piece);
    const ssize_t count =
        pread(file.number(), bytes.data() + known, piece, static_cast<off_t>(offset + known));
    if (count < 0 && errno != EINTR) return system_failure("read", path, errno);
    bytes.resize(known + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) break;
  }
  return bytes;
}

Result<void> RealFiles::write(const std::string& path, std::string_view bytes) {
  const std::string draft = fmt::format("{}.{}.tmp", path, getpid());
  Result<void> written = write_and_sync(draft, bytes);
  if (written && ::rename(draft.c_str(), path.c_str()) != 0)
    written = system_failure("write", path, errno);
  if (!written) {
    unlink(draft.c_str());
    return written;
  }
  return sync_directory(parent_of(path));
}

Result<void> RealFiles::append(const std::string& path, std::string_view bytes) {
  BOURSE_TRY(const Descriptor file, open_file("write", path, O_WRONLY | O_CREAT | O_APPEND));
  return write_all(file.number(), path, bytes);
}

Result<std::uint64_t> RealFiles::size(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return system_failure("read", path, errno);
  if (S_ISDIR(status.st_mode)) return system_failure("read", path, EISDIR);
  return static_cast<std::uint64_t>(status.st_size);
}

bool RealFiles::exists(const std::string& path) {
  struct stat status{};
  return lstat(path.c_str(), &status) == 0;
}

Result<void> RealFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("rename", from, errno);
  return {};
}

Result<void> RealFiles::remove(const std::string& path) {
  // An empty directory goes as it is: the files of a cgroup cannot be removed, nor need be.
  if (::rmdir(path.c_str()) == 0) return {};
  std::error_code code;
  std::filesystem::remove_all(path, code);
  if (code) return system_failure("remove", path, code.value());
  return {};
}

Result<void> RealFiles::make_directories(const std::string& path) {
  constexpr mode_t kOwnerDirectory = 0700;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), kOwnerDirectory) == 0) continue;
    const int number = errno;
    struct stat status{};
    const bool is_directory = stat(part.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
    if (is_directory) continue;
    return system_failure("make directory", part, number == EEXIST ? ENOTDIR : number);
  }
  return {};
}

Result<std::vector<std::string>> RealFiles::list(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  if (!directory) return system_failure("list", path, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
    errno = 0;
  }
  if (errno != 0) return system_failure("list", path, errno);
  std::ranges::sort(names);
  return names;
}

Result<std::unique_ptr<FileLock>> RealFiles::lock(const std::string& path) {
  BOURSE_TRY(Descriptor file, open_file("lock", path, O_RDWR | O_CREAT));
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fcntl(file.number(), F_OFD_SETLK, &whole) == 0)
    return std::make_unique<RealFileLock>(std::move(file));
  if (errno == EAGAIN || errno == EACCES)
    return fail(ErrorCode::failed_precondition,
                fmt::format("cannot lock '{}': another process holds it", quotable(path, 200)));
  return system_failure("lock", path, errno);
}

}  // namespace bourse
