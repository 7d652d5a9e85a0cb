#include "bourse/service/sqlite.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::resource_exhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // Not our tables.
      return ErrorCode::data_corrupted;
    default:
      return ErrorCode::unavailable;
  }
}

/// The file, made if there is none, is for its owner alone; so will be what SQLite puts beside it.
Result<void> make_private(const std::string& path) {
  constexpr mode_t kOwnerOnly = 0600;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
  const bool is_done = file >= 0 && fchmod(file, kOwnerOnly) == 0;
  const int reason = errno;
  if (file >= 0) close(file);
  if (is_done) return {};
  return fail(ErrorCode::unavailable,
              fmt::format("cannot open the store '{}': {}", path, std::strerror(reason)));
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement& Statement::bind(int parameter, std::int64_t value) {
  BOURSE_CHECK(!statement_ || sqlite3_bind_int64(statement_.get(), parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  BOURSE_CHECK(!statement_ || sqlite3_bind_double(statement_.get(), parameter, value) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view value) {
  BOURSE_CHECK(!statement_ ||
               sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(),
                                   SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind_null(int parameter) {
  BOURSE_CHECK(!statement_ || sqlite3_bind_null(statement_.get(), parameter) == SQLITE_OK);
  return *this;
}

Statement& Statement::bind(int parameter, std::optional<double> value) {
  return value ? bind(parameter, *value) : bind_null(parameter);
}

bool Statement::step() {
  if (database_->error_ || !statement_) return false;
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_->note_error();
  return false;
}

void Statement::run() {
  (void)step();
  reset();
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
}

std::optional<double> Statement::optional_real(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) return std::nullopt;
  return real(column);
}

Database::Database(sqlite3* database, std::string path)
    : database_(database), path_(std::move(path)) {}

Database::~Database() { sqlite3_close_v2(database_); }

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const char* vfs) {
  if (vfs == nullptr) BOURSE_TRY_VOID(make_private(path));
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, vfs);
  std::unique_ptr<Database> database(new Database(handle, path));
  if (code != SQLITE_OK)
    return fail(code_of(code),
                fmt::format("cannot open the store '{}': {}", path,
                            handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code)));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, 2000);
  database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  BOURSE_TRY_VOID(database->status());
  return database;
}

void Database::execute(const std::string& sql) {
  if (error_) return;
  if (sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) note_error();
}

Statement Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) note_error();
  return {*this, statement};
}

std::int64_t Database::last_row_id() const { return sqlite3_last_insert_rowid(database_); }

Result<void> Database::status() const {
  if (error_) return tl::unexpected<Error>(*error_);
  return {};
}

void Database::note_error() {
  if (error_) return;
  const int code = sqlite3_extended_errcode(database_);
  error_ = Error{code_of(code),
                 fmt::format("the store '{}' failed: {}", path_, sqlite3_errmsg(database_))};
}

}  // namespace bourse
