#pragma once

#include <sqlite3.h>

#include <string>

#include "bourse/world/world.h"

namespace bourse {

/// A database of a simulated host.
class Database {
 public:
  Database(World& world, const std::string& path, bool is_exclusive = false) {
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    opened_ = sqlite3_open_v2(path.c_str(), &database_, flags, world.files.sqlite_vfs());
    if (is_exclusive) (void)run("PRAGMA locking_mode=EXCLUSIVE");
    if (opened_ == SQLITE_OK) opened_ = run("PRAGMA synchronous=FULL");
    if (opened_ == SQLITE_OK) opened_ = run("PRAGMA journal_mode=WAL");
  }
  ~Database() { sqlite3_close(database_); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  [[nodiscard]] int opened() const { return opened_; }
  /// Result code; the first value of the last row is in `value`.
  int run(const std::string& sql) {
    const auto keep = [](void* self, int, char** values, char**) {
      static_cast<Database*>(self)->value = values[0] ? values[0] : "";
      return 0;
    };
    value.clear();
    return sqlite3_exec(database_, sql.c_str(), keep, this, nullptr);
  }

  std::string value;

 private:
  sqlite3* database_ = nullptr;
  int opened_ = SQLITE_OK;
};

}  // namespace bourse
