#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bourse {

/// A prepared statement. Parameters and columns count from 1 and 0, as in SQLite. An error of a
/// step is kept by the database: see Database::status.
class Statement {
 public:
  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, double value);
  Statement& bind(int parameter, std::string_view value);  ///< Copied.
  Statement& bind_null(int parameter);
  Statement& bind(int parameter, std::optional<double> value);

  /// Goes to the next row. False after the last one, and when it failed.
  bool step();
  /// Runs a statement that has no rows, then makes it ready for other parameters.
  void run();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::optional<double> optional_real(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(class Database& database, sqlite3_stmt* statement)
      : database_(&database), statement_(statement) {}
  class Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A database file of SQLite, in WAL mode, synchronous: what is committed survives the machine.
/// After a failure (disk full, I/O error) every further change is refused, so that nothing is
/// journaled after a gap; status() says what happened.
class Database {
 public:
  /// Opens or makes the file. `vfs` as in Files::sqlite_vfs. Errors: unavailable if it can't be
  /// opened, data_corrupted if it is no database.
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(const std::string& path,
                                                              const char* vfs);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// Runs statements without parameters and rows.
  void execute(const std::string& sql);
  /// Where the text does not fit the tables (a database of another program, or one that could not
  /// be made), status() says so and the statement does nothing.
  [[nodiscard]] Statement prepare(std::string_view sql);
  [[nodiscard]] std::int64_t last_row_id() const;
  /// The first error since it was opened.
  [[nodiscard]] Result<void> status() const;

 private:
  friend class Statement;
  Database(sqlite3* database, std::string path);
  /// Keeps the last error of SQLite.
  void note_error();

  sqlite3* database_;
  std::string path_;
  std::optional<Error> error_;
};

}  // namespace bourse
