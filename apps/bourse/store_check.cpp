#include "apps/bourse/store_check.h"

#include <fmt/core.h>

#include <algorithm>

#include "bourse/service/sqlite.h"
#include "bourse/service/store.h"

namespace bourse {

Result<std::int64_t> check_store(const std::string& path, CheckDepth depth) {
  const auto opened = Database::open(path, nullptr);
  if (!opened) {
    if (opened.error().code != ErrorCode::data_corrupted)
      return tl::unexpected<Error>(opened.error());
    return fail(ErrorCode::data_corrupted, "it is damaged, or no store of bourse");
  }
  Database& database = **opened;
  Statement check = database.prepare(depth == CheckDepth::quick ? "PRAGMA quick_check(1)"
                                                                : "PRAGMA integrity_check(1)");
  std::string verdict = check.step() ? check.text(0) : "it cannot be read";
  check.reset();
  std::ranges::replace(verdict, '\n', ' ');
  if (verdict != "ok") return fail(ErrorCode::data_corrupted, "it is damaged: " + verdict);
  Statement version = database.prepare("PRAGMA user_version");
  version.step();
  const std::int64_t found = version.integer(0);
  BOURSE_TRY_VOID(database.status());
  if (found > Store::kVersion)
    return fail(ErrorCode::data_corrupted,
                fmt::format("version {} is newer than this program, which knows 1 to {}", found,
                            Store::kVersion));
  if (found < 1) return fail(ErrorCode::data_corrupted, "it is no store of bourse");
  return found;
}

}  // namespace bourse
