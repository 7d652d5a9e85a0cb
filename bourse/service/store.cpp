#include "bourse/service/store.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL, team TEXT NOT NULL, submitted REAL NOT NULL, samples REAL NOT NULL,
  phase INTEGER NOT NULL, reason TEXT NOT NULL, started REAL, ended REAL, promised REAL,
  retry_at REAL, samples_done REAL NOT NULL, samples_saved REAL NOT NULL, utility REAL NOT NULL,
  loss REAL, epoch INTEGER NOT NULL, failures INTEGER NOT NULL, restarts INTEGER NOT NULL,
  resizes INTEGER NOT NULL, port INTEGER NOT NULL, was_admitted INTEGER NOT NULL,
  is_cancelled INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL DEFAULT 0,
  last_part INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '',
  batch INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS jobs_by_phase ON jobs (phase, number);
CREATE TABLE IF NOT EXISTS job_texts (
  number INTEGER PRIMARY KEY, text TEXT NOT NULL, directory TEXT NOT NULL,
  environment TEXT NOT NULL, plan TEXT NOT NULL, speeds TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cells (
  job INTEGER, epoch INTEGER, machine INTEGER, workers INTEGER NOT NULL, servers INTEGER NOT NULL,
  token TEXT NOT NULL, is_stopping INTEGER NOT NULL, part INTEGER, task INTEGER NOT NULL,
  rank INTEGER NOT NULL, has_started INTEGER NOT NULL, PRIMARY KEY (job, epoch, machine, part))
  WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS drains (machine TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY, credits REAL, period REAL NOT NULL, shares REAL NOT NULL,
  members TEXT NOT NULL, balance REAL NOT NULL, renewed REAL NOT NULL, charged REAL NOT NULL,
  refunded REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
  job INTEGER PRIMARY KEY, account TEXT NOT NULL, price REAL NOT NULL, refund REAL NOT NULL,
  at REAL NOT NULL, promised REAL NOT NULL, was_hit INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS charges_by_account ON charges (account, job);
CREATE TABLE IF NOT EXISTS tokens (
  id TEXT PRIMARY KEY, user TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL,
  note TEXT NOT NULL, created REAL NOT NULL, expires REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
  job INTEGER NOT NULL, phase INTEGER NOT NULL, epoch INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS changes_by_job ON changes (job, number);
)";

constexpr const char* kFromVersion2 = R"(
ALTER TABLE jobs ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN last_part INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cells RENAME TO old_cells;
)";

constexpr std::string_view kJobColumns =
    "number, name, team, submitted, samples, phase, reason, started, ended, promised, retry_at, "
    "samples_done, samples_saved, utility, loss, epoch, failures, restarts, resizes, port, "
    "was_admitted, is_cancelled, generation, last_part, owner, "
    "(SELECT account FROM charges WHERE job = number), "
    "(SELECT price - refund FROM charges WHERE job = number), batch";

std::optional<Seconds> as_seconds(std::optional<double> value) {
  if (!value) return std::nullopt;
  return Seconds(*value);
}

std::optional<double> as_number(std::optional<Seconds> value) {
  if (!value) return std::nullopt;
  return value->value;
}

/// A number that is no phase (only a damaged store has one) is taken for that of a failed job.
JobPhase phase_of(std::int64_t number) {
  return number >= 0 && number < kJobPhaseCount ? static_cast<JobPhase>(number) : JobPhase::failed;
}

StoredJob read_job(const Statement& row) {
  StoredJob job;
  job.number = static_cast<JobNumber>(row.integer(0));
  job.name = row.text(1);
  job.group = row.text(2);
  job.submitted = Seconds(row.real(3));
  job.samples = row.real(4);
  job.phase = phase_of(row.integer(5));
  job.reason = row.text(6);
  job.started = as_seconds(row.optional_real(7));
  job.ended = as_seconds(row.optional_real(8));
  job.promised = as_seconds(row.optional_real(9));
  job.retry_at = as_seconds(row.optional_real(10));
  job.samples_done = row.real(11);
  job.samples_saved = row.real(12);
  job.utility = row.real(13);
  job.loss = row.optional_real(14);
  job.epoch = static_cast<std::uint32_t>(row.integer(15));
  job.failures = static_cast<std::uint32_t>(row.integer(16));
  job.restarts = static_cast<std::uint32_t>(row.integer(17));
  job.resizes = static_cast<std::uint32_t>(row.integer(18));
  job.port = static_cast<std::uint16_t>(row.integer(19));
  job.was_admitted = row.integer(20) != 0;
  job.is_cancelled = row.integer(21) != 0;
  job.generation = static_cast<std::uint32_t>(row.integer(22));
  job.last_part = static_cast<std::uint32_t>(row.integer(23));
  job.owner = row.text(24);
  job.account = row.text(25);
  job.charged = row.real(26);
  job.batch = static_cast<std::uint32_t>(row.integer(27));
  return job;
}

std::vector<Charge> read_charges(Database& database, std::string_view condition,
                                 const std::function<void(Statement&)>& bind) {
  Statement list = database.prepare(
      fmt::format("SELECT job, account, price, refund, at, promised, was_hit FROM charges WHERE {}",
                  condition));
  bind(list);
  std::vector<Charge> charges;
  while (list.step())
    charges.push_back({.job = static_cast<JobNumber>(list.integer(0)),
                       .account = list.text(1),
                       .price = list.real(2),
                       .refund = list.real(3),
                       .at = Seconds(list.real(4)),
                       .promised = Seconds(list.real(5)),
                       .was_hit = list.integer(6) != 0});
  return charges;
}

/// Binds what may change, from parameter 1 on; returns the next one.
int bind_changing(Statement& statement, const StoredJob& job) {
  statement.bind(1, static_cast<std::int64_t>(job.phase))
      .bind(2, std::string_view(job.reason))
      .bind(3, as_number(job.started))
      .bind(4, as_number(job.ended))
      .bind(5, as_number(job.promised))
      .bind(6, as_number(job.retry_at))
      .bind(7, job.samples_done)
      .bind(8, job.samples_saved)
      .bind(9, job.utility)
      .bind(10, job.loss)
      .bind(11, std::int64_t{job.epoch})
      .bind(12, std::int64_t{job.failures})
      .bind(13, std::int64_t{job.restarts})
      .bind(14, std::int64_t{job.resizes})
      .bind(15, std::int64_t{job.port})
      .bind(16, std::int64_t{job.was_admitted ? 1 : 0})
      .bind(17, std::int64_t{job.is_cancelled ? 1 : 0})
      .bind(18, std::int64_t{job.generation})
      .bind(19, std::int64_t{job.last_part})
      .bind(20, std::int64_t{job.batch});
  return 21;
}

}  // namespace

struct Store::Statements {
  explicit Statements(Database& d)
      : begin(d.prepare("BEGIN IMMEDIATE")),
        commit(d.prepare("COMMIT")),
        rollback(d.prepare("ROLLBACK")),
        add_job(d.prepare(
            "INSERT INTO jobs (phase, reason, started, ended, promised, retry_at, samples_done, "
            "samples_saved, utility, loss, epoch, failures, restarts, resizes, port, was_admitted, "
            "is_cancelled, generation, last_part, batch, name, team, submitted, samples, owner) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")),
        update_job(d.prepare(
            "UPDATE jobs SET phase=?, reason=?, started=?, ended=?, promised=?, retry_at=?, "
            "samples_done=?, samples_saved=?, utility=?, loss=?, epoch=?, failures=?, restarts=?, "
            "resizes=?, port=?, was_admitted=?, is_cancelled=?, generation=?, last_part=?, "
            "batch=? WHERE number=?")),
        add_text(d.prepare("INSERT INTO job_texts VALUES (?,?,?,?,?,?)")),
        update_text(d.prepare("UPDATE job_texts SET plan=?, speeds=? WHERE number=?")),
        text(d.prepare("SELECT text, directory, environment, plan, speeds FROM job_texts "
                       "WHERE number=?")),
        job(d.prepare(fmt::format("SELECT {} FROM jobs WHERE number=?", kJobColumns))),
        put_cell(d.prepare("INSERT OR REPLACE INTO cells VALUES (?,?,?,?,?,?,?,?,?,?,?)")),
        remove_cell(
            d.prepare("DELETE FROM cells WHERE job=? AND epoch=? AND machine=? AND part=?")),
        add_change(d.prepare("INSERT INTO changes (at, kind, job, phase, epoch, text) "
                             "VALUES (?,?,?,?,?,?)")),
        history(d.prepare("SELECT at, phase, epoch, text FROM changes WHERE job=? "
                          "ORDER BY number DESC LIMIT ?")),
        changes(d.prepare("SELECT c.number, c.at, c.kind, c.job, c.text, coalesce(j.owner, '') "
                          "FROM changes c LEFT JOIN jobs j ON j.number = c.job "
                          "WHERE c.number>? ORDER BY c.number LIMIT ?")) {}

  Statement begin, commit, rollback, add_job, update_job, add_text, update_text, text, job,
      put_cell, remove_cell, add_change, history, changes;
};

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& directory, const char* vfs,
                                           Seconds now) {
  BOURSE_TRY(auto database, Database::open(directory + "/bourse.db", vfs));
  std::unique_ptr<Store> store(new Store(std::move(database)));
  BOURSE_TRY_VOID(store->prepare(now));
  return store;
}

Result<void> Store::prepare(Seconds now) {
  Database& database = *database_;
  Statement version = database.prepare("PRAGMA user_version");
  version.step();
  const std::int64_t found = version.integer(0);
  version.reset();
  if (found > kVersion)
    return fail(ErrorCode::failed_precondition,
                fmt::format("the store is of version {}, this program knows up to {}; use the "
                            "bourse that made it, or another state directory",
                            found, kVersion));
  database.execute("BEGIN IMMEDIATE");
  if (found == 1)
    database.execute("ALTER TABLE jobs ADD COLUMN is_cancelled INTEGER NOT NULL DEFAULT 0");
  if (found == 1 || found == 2) database.execute(kFromVersion2);
  if (found >= 1 && found <= 3)
    database.execute("ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT ''");
  if (found >= 1 && found <= 4)
    database.execute("ALTER TABLE jobs ADD COLUMN batch INTEGER NOT NULL DEFAULT 0");
  database.execute(kTables);
  if (found == 1 || found == 2)
    database.execute("INSERT INTO cells SELECT *, 0, 0, 0, 0 FROM old_cells; DROP TABLE old_cells");
  database.execute(fmt::format("PRAGMA user_version = {}", kVersion));
  Statement keep = database.prepare("INSERT OR IGNORE INTO meta VALUES ('beginning', ?)");
  keep.bind(1, now.value).run();
  database.execute("COMMIT");
  BOURSE_TRY_VOID(database.status());
  Statement beginning = database.prepare("SELECT value FROM meta WHERE name='beginning'");
  beginning.step();
  beginning_ = Seconds(beginning.real(0));
  Statement last = database.prepare("SELECT number, at FROM changes ORDER BY number DESC LIMIT 1");
  last_known_ = beginning_;
  if (last.step()) {
    last_change_ = static_cast<std::uint64_t>(last.integer(0));
    last_known_ = std::max(beginning_, Seconds(last.real(1)));
  }
  last.reset();
  statements_ = std::make_unique<Statements>(database);
  return database.status();
}

void Store::begin() { statements_->begin.run(); }

Result<void> Store::commit() {
  statements_->commit.run();
  Result<void> status = database_->status();
  return status;
}

void Store::add_job(StoredJob& job) {
  Statement& add = statements_->add_job;
  const int next = bind_changing(add, job);
  add.bind(next, std::string_view(job.name))
      .bind(next + 1, std::string_view(job.group))
      .bind(next + 2, job.submitted.value)
      .bind(next + 3, job.samples)
      .bind(next + 4, std::string_view(job.owner))
      .run();
  job.number = static_cast<JobNumber>(database_->last_row_id());
  statements_->add_text.bind(1, static_cast<std::int64_t>(job.number))
      .bind(2, std::string_view(job.text))
      .bind(3, std::string_view(job.directory))
      .bind(4, std::string_view(job.environment))
      .bind(5, std::string_view(job.plan))
      .bind(6, std::string_view(job.speeds))
      .run();
}

void Store::update_job(const StoredJob& job) {
  Statement& update = statements_->update_job;
  const int next = bind_changing(update, job);
  update.bind(next, static_cast<std::int64_t>(job.number)).run();
  statements_->update_text.bind(1, std::string_view(job.plan))
      .bind(2, std::string_view(job.speeds))
      .bind(3, static_cast<std::int64_t>(job.number))
      .run();
}

std::uint64_t Store::add_change(Seconds at, const std::string& kind, JobNumber job, JobPhase phase,
                                std::uint32_t epoch, const std::string& text) {
  statements_->add_change.bind(1, at.value)
      .bind(2, std::string_view(kind))
      .bind(3, static_cast<std::int64_t>(job))
      .bind(4, static_cast<std::int64_t>(phase))
      .bind(5, std::int64_t{epoch})
      .bind(6, std::string_view(text))
      .run();
  return last_change_ = static_cast<std::uint64_t>(database_->last_row_id());
}

void Store::put_cell(const StoredCell& cell) {
  statements_->put_cell.bind(1, static_cast<std::int64_t>(cell.job))
      .bind(2, std::int64_t{cell.epoch})
      .bind(3, std::int64_t{cell.machine})
      .bind(4, std::int64_t{cell.workers})
      .bind(5, std::int64_t{cell.servers})
      .bind(6, std::string_view(cell.token))
      .bind(7, std::int64_t{cell.is_stopping ? 1 : 0})
      .bind(8, std::int64_t{cell.part})
      .bind(9, std::int64_t{cell.task})
      .bind(10, std::int64_t{cell.rank})
      .bind(11, std::int64_t{cell.has_started ? 1 : 0})
      .run();
}

void Store::remove_cell(const StoredCell& cell) {
  statements_->remove_cell.bind(1, static_cast<std::int64_t>(cell.job))
      .bind(2, std::int64_t{cell.epoch})
      .bind(3, std::int64_t{cell.machine})
      .bind(4, std::int64_t{cell.part})
      .run();
}

void Store::set_drain(const std::string& machine, bool is_draining, const std::string& reason) {
  if (is_draining) {
    Statement put = database_->prepare("INSERT OR REPLACE INTO drains VALUES (?,?)");
    put.bind(1, std::string_view(machine)).bind(2, std::string_view(reason)).run();
  } else {
    database_->prepare("DELETE FROM drains WHERE machine=?")
        .bind(1, std::string_view(machine))
        .run();
  }
}

std::optional<StoredJob> Store::job(JobNumber number) {
  Statement& find = statements_->job;
  find.bind(1, static_cast<std::int64_t>(number));
  std::optional<StoredJob> job;
  if (find.step()) job = read_job(find);
  find.reset();
  if (!job) return job;
  Statement& text = statements_->text;
  text.bind(1, static_cast<std::int64_t>(number));
  if (text.step()) {
    job->text = text.text(0);
    job->directory = text.text(1);
    job->environment = text.text(2);
    job->plan = text.text(3);
    job->speeds = text.text(4);
  }
  text.reset();
  return job;
}

std::vector<StoredJob> Store::live_jobs() {
  std::vector<JobNumber> numbers;
  Statement live =
      database_->prepare(fmt::format("SELECT number FROM jobs WHERE phase < {} ORDER BY number",
                                     static_cast<int>(JobPhase::finished)));
  while (live.step()) numbers.push_back(static_cast<JobNumber>(live.integer(0)));
  std::vector<StoredJob> jobs;
  for (const JobNumber number : numbers)
    if (std::optional<StoredJob> record = job(number)) jobs.push_back(*std::move(record));
  return jobs;
}

std::vector<StoredCell> Store::cells() {
  std::vector<StoredCell> cells;
  Statement all = database_->prepare(
      "SELECT job, epoch, machine, workers, servers, token, is_stopping, part, task, rank, "
      "has_started FROM cells ORDER BY job, epoch, machine, part");
  while (all.step())
    cells.push_back({.job = static_cast<JobNumber>(all.integer(0)),
                     .epoch = static_cast<std::uint32_t>(all.integer(1)),
                     .machine = static_cast<std::uint32_t>(all.integer(2)),
                     .part = static_cast<std::uint32_t>(all.integer(7)),
                     .workers = static_cast<int>(all.integer(3)),
                     .servers = static_cast<int>(all.integer(4)),
                     .token = all.text(5),
                     .is_stopping = all.integer(6) != 0,
                     .task = static_cast<int>(all.integer(8)),
                     .rank = static_cast<int>(all.integer(9)),
                     .has_started = all.integer(10) != 0});
  return cells;
}

std::vector<Store::Drain> Store::drains() {
  std::vector<Drain> drains;
  Statement all = database_->prepare("SELECT machine, reason FROM drains ORDER BY machine");
  while (all.step()) drains.push_back({all.text(0), all.text(1)});
  return drains;
}

void Store::put_account(const Account& account) {
  std::string members;
  for (const std::string& member : account.members)
    members += fmt::format("{}{}", members.empty() ? "" : ",", member);
  database_->prepare("INSERT OR REPLACE INTO accounts VALUES (?,?,?,?,?,?,?,?,?)")
      .bind(1, std::string_view(account.name))
      .bind(2, account.credits)
      .bind(3, account.period.value)
      .bind(4, account.shares)
      .bind(5, std::string_view(members))
      .bind(6, account.balance)
      .bind(7, account.renewed.value)
      .bind(8, account.charged)
      .bind(9, account.refunded)
      .run();
}

std::vector<Account> Store::accounts() {
  std::vector<Account> accounts;
  Statement all = database_->prepare(
      "SELECT name, credits, period, shares, members, balance, renewed, charged, refunded "
      "FROM accounts ORDER BY name");
  while (all.step()) {
    Account& account = accounts.emplace_back();
    account.name = all.text(0);
    account.credits = all.optional_real(1);
    account.period = Seconds(all.real(2));
    account.shares = all.real(3);
    for (const std::string_view member : split(all.text(4), ','))
      if (!member.empty()) account.members.emplace_back(member);
    account.balance = all.real(5);
    account.renewed = Seconds(all.real(6));
    account.charged = all.real(7);
    account.refunded = all.real(8);
  }
  return accounts;
}

void Store::put_charge(const Charge& charge) {
  database_->prepare("INSERT OR REPLACE INTO charges VALUES (?,?,?,?,?,?,?)")
      .bind(1, static_cast<std::int64_t>(charge.job))
      .bind(2, std::string_view(charge.account))
      .bind(3, charge.price)
      .bind(4, charge.refund)
      .bind(5, charge.at.value)
      .bind(6, charge.promised.value)
      .bind(7, std::int64_t{charge.was_hit ? 1 : 0})
      .run();
}

std::vector<Charge> Store::charges(const std::string& account, std::size_t limit) {
  return read_charges(*database_, "account = ?1 ORDER BY job DESC LIMIT ?2", [&](Statement& list) {
    list.bind(1, std::string_view(account)).bind(2, static_cast<std::int64_t>(limit));
  });
}

std::optional<Charge> Store::charge_of(JobNumber job) {
  const std::vector<Charge> found = read_charges(*database_, "job = ?1", [&](Statement& list) {
    list.bind(1, static_cast<std::int64_t>(job));
  });
  if (found.empty()) return std::nullopt;
  return found.front();
}

void Store::put_token(const StoredToken& token) {
  database_->prepare("INSERT OR REPLACE INTO tokens VALUES (?,?,?,?,?,?,?)")
      .bind(1, std::string_view(token.id))
      .bind(2, std::string_view(token.user))
      .bind(3, name_of(token.role))
      .bind(4, std::string_view(token.hash))
      .bind(5, std::string_view(token.note))
      .bind(6, token.created.value)
      .bind(7, as_number(token.expires))
      .run();
}

void Store::remove_token(const std::string& id) {
  database_->prepare("DELETE FROM tokens WHERE id=?").bind(1, std::string_view(id)).run();
}

std::vector<StoredToken> Store::tokens() {
  std::vector<StoredToken> tokens;
  Statement all = database_->prepare(
      "SELECT id, user, role, hash, note, created, expires FROM tokens ORDER BY id");
  while (all.step())
    tokens.push_back({.id = all.text(0),
                      .user = all.text(1),
                      .role = parse_role(all.text(2)).value_or(Role::viewer),
                      .hash = all.text(3),
                      .note = all.text(4),
                      .created = Seconds(all.real(5)),
                      .expires = as_seconds(all.optional_real(6))});
  return tokens;
}

std::vector<StoredJob> Store::jobs(const JobQuery& query) {
  std::string sql = fmt::format("SELECT {} FROM jobs WHERE 1", kJobColumns);
  if (!query.phases.empty()) {
    std::string phases;
    for (const JobPhase phase : query.phases)
      phases += fmt::format("{}{}", phases.empty() ? "" : ", ", static_cast<int>(phase));
    sql += fmt::format(" AND phase IN ({})", phases);
  }
  if (query.before != 0) sql += fmt::format(" AND number < {}", query.before);
  if (!query.group.empty()) sql += " AND team = ?1";
  if (!query.owner.empty()) sql += " AND owner = ?2";
  sql += fmt::format(" ORDER BY number DESC LIMIT {}", query.limit);
  Statement list = database_->prepare(sql);
  if (!query.group.empty()) list.bind(1, std::string_view(query.group));
  if (!query.owner.empty()) list.bind(2, std::string_view(query.owner));
  std::vector<StoredJob> jobs;
  while (list.step()) jobs.push_back(read_job(list));
  return jobs;
}

std::vector<JobStep> Store::history(JobNumber job, std::size_t limit) {
  Statement& last = statements_->history;
  last.bind(1, static_cast<std::int64_t>(job)).bind(2, static_cast<std::int64_t>(limit));
  std::vector<JobStep> steps;
  while (last.step())
    steps.push_back({.at = Seconds(last.real(0)),
                     .phase = phase_of(last.integer(1)),
                     .epoch = static_cast<std::uint32_t>(last.integer(2)),
                     .what = last.text(3)});
  last.reset();
  std::ranges::reverse(steps);
  return steps;
}

std::vector<ChangeView> Store::changes_after(std::uint64_t number, std::size_t limit) {
  Statement& next = statements_->changes;
  next.bind(1, static_cast<std::int64_t>(number)).bind(2, static_cast<std::int64_t>(limit));
  std::vector<ChangeView> changes;
  while (next.step())
    changes.push_back({.number = static_cast<std::uint64_t>(next.integer(0)),
                       .at = Seconds(next.real(1)),
                       .kind = next.text(2),
                       .job = static_cast<JobNumber>(next.integer(3)),
                       .text = next.text(4),
                       .owner = next.text(5)});
  next.reset();
  return changes;
}

std::vector<std::uint64_t> Store::counts() {
  std::vector<std::uint64_t> counts(kJobPhaseCount, 0);
  Statement all = database_->prepare("SELECT phase, count(*) FROM jobs GROUP BY phase");
  while (all.step())
    counts[static_cast<std::size_t>(phase_of(all.integer(0)))] +=
        static_cast<std::uint64_t>(all.integer(1));
  return counts;
}

}  // namespace bourse
