#include "bourse/trace/byte_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace bourse {

Result<std::unique_ptr<FileSource>> FileSource::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr)
    return fail(ErrorCode::not_found, fmt::format("{}: cannot be opened: {}", path,
                                                  std::generic_category().message(errno)));
  std::setvbuf(file, nullptr, _IONBF, 0);
  return std::unique_ptr<FileSource>(new FileSource(path, file));
}

FileSource::~FileSource() { std::fclose(file_); }

Result<std::size_t> FileSource::read(std::span<char> out) {
  const std::size_t count = std::fread(out.data(), 1, out.size(), file_);
  if (count == 0 && std::ferror(file_) != 0)
    return fail(ErrorCode::unavailable, fmt::format("{}: cannot be read: {}", path_,
                                                    std::generic_category().message(errno)));
  return count;
}

Result<std::size_t> MemorySource::read(std::span<char> out) {
  const std::size_t count = std::min(out.size(), bytes_.size());
  std::memcpy(out.data(), bytes_.data(), count);
  bytes_.remove_prefix(count);
  return count;
}

}  // namespace bourse
