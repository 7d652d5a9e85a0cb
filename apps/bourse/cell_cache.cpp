#include "apps/bourse/cell_cache.h"

#include <fmt/core.h>

#include <cstdlib>

#include "apps/bourse/files.h"
#include "apps/bourse/fingerprint.h"

namespace bourse {
namespace {

constexpr std::string_view kMagic = "bourse cell 1 ";

}  // namespace

CellCache::CellCache(const std::string& folder, const std::string& program)
    : folder_(fmt::format("{}/{}", folder, program)) {}

std::string CellCache::path_of(const std::string& key) const {
  return fmt::format("{}/{}.cell", folder_, key);
}

std::optional<std::string> CellCache::find(const std::string& key) const {
  Result<std::string> text = read_file(path_of(key));
  if (!text || !text->starts_with(kMagic)) return std::nullopt;
  const std::size_t line_end = text->find('\n');
  if (line_end == std::string::npos) return std::nullopt;
  const std::string stated = text->substr(kMagic.size(), line_end - kMagic.size());
  std::string body = text->substr(line_end + 1);
  if (fingerprint(body) != stated) return std::nullopt;
  return body;
}

Result<void> CellCache::store(const std::string& key, std::string_view body) const {
  BOURSE_TRY_VOID(make_folder(folder_));
  return write_file(path_of(key), fmt::format("{}{}\n{}", kMagic, fingerprint(body), body));
}

std::string default_cache_folder() {
  const char* const cache = std::getenv("XDG_CACHE_HOME");  // NOLINT(concurrency-mt-unsafe)
  if (cache != nullptr && *cache != '\0') return fmt::format("{}/bourse", cache);
  const char* const home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home != '\0') return fmt::format("{}/.cache/bourse", home);
  return "";
}

}  // namespace bourse
