#include "bourse/engine/log_file.h"

#include <utility>

#include "bourse/base/check.h"

namespace bourse {

LogFile::LogFile(Files& files, std::string path, std::uint64_t size)
    : files_(files), path_(std::move(path)), size_(size) {
  BOURSE_CHECK(size > 0);
}

Result<void> LogFile::open() {
  const std::size_t slash = path_.rfind('/');
  if (slash != std::string::npos && slash > 0)
    BOURSE_TRY_VOID(files_.make_directories(path_.substr(0, slash)));
  used_ = files_.size(path_).value_or(0);
  return files_.append(path_, "");
}

Result<void> LogFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (used_ >= size_) {
      BOURSE_TRY_VOID(files_.rename(path_, path_ + ".1"));
      used_ = 0;
    }
    const std::string_view part = bytes.substr(0, size_ - used_);
    BOURSE_TRY_VOID(files_.append(path_, part));
    used_ += part.size();
    bytes.remove_prefix(part.size());
  }
  return {};
}

}  // namespace bourse
