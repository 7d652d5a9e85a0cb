#include "apps/bourse/files.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "bourse/trace/byte_source.h"

namespace bourse {
namespace {

constexpr std::size_t kMaxFileBytes = std::size_t{1} << 28;

/// Holds Ctrl-C back for as long as it lives, so that no temporary file stays behind.
class InterruptLater {
 public:
  InterruptLater() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &before_);
  }
  InterruptLater(const InterruptLater&) = delete;
  InterruptLater& operator=(const InterruptLater&) = delete;
  ~InterruptLater() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

tl::unexpected<Error> cannot_write(const std::string& path, int reason) {
  return fail(ErrorCode::unavailable,
              fmt::format("cannot write '{}': {}", path, std::strerror(reason)));
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  BOURSE_TRY(const std::unique_ptr<FileSource> source, FileSource::open(path));
  std::string text;
  std::string buffer(std::size_t{1} << 16, '\0');
  while (true) {
    BOURSE_TRY(const std::size_t count, source->read(buffer));
    if (count == 0) return text;
    text.append(buffer, 0, count);
    if (text.size() > kMaxFileBytes)
      return invalid(fmt::format("'{}' is longer than {} MiB", path, kMaxFileBytes >> 20));
  }
}

Result<void> write_file(const std::string& path, std::string_view text) {
  const InterruptLater later;
  // Devices and pipes cannot be replaced by a rename.
  std::error_code ignored;
  const auto status = std::filesystem::status(path, ignored);
  const bool is_special = std::filesystem::is_other(status);
  const std::string temporary = is_special ? path : fmt::format("{}.tmp{}", path, getpid());
  std::FILE* const file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) return cannot_write(path, errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  int reason = written ? 0 : errno;
  if (std::fclose(file) != 0 && reason == 0) reason = errno;
  if (reason == 0 && (is_special || std::rename(temporary.c_str(), path.c_str()) == 0)) return {};
  if (reason == 0) reason = errno;
  if (!is_special) std::remove(temporary.c_str());
  return cannot_write(path, reason);
}

Result<void> make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("cannot make the folder '{}': {}", path, error.message()));
}

}  // namespace bourse
