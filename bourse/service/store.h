#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/service/access.h"
#include "bourse/service/accounts.h"
#include "bourse/service/api.h"
#include "bourse/service/job_state.h"
#include "bourse/service/sqlite.h"
#include "bourse/service/views.h"
#include "bourse/world/world.h"

namespace bourse {

/// All that is kept of a submitted job. Instants are since 1970-01-01 UTC.
struct StoredJob {
  JobNumber number = 0;  ///< Given by the store.
  std::string name;
  std::string group;
  std::string owner;        ///< Who submitted it; empty in stores of before version 4.
  std::string account;      ///< Of its charge, which is kept apart: put_charge().
  double charged = 0;       ///< Of its charge, less what was given back.
  std::string text;         ///< The job file as submitted.
  std::string directory;    ///< Where it was submitted.
  std::string environment;  ///< Of who submitted it: "NAME=value" lines, each ended by a 0 byte.
  Seconds submitted{0};
  double samples = 0;  ///< Its work.

  // What follows changes while it lives.
  JobPhase phase = JobPhase::waiting;
  std::string reason;
  std::optional<Seconds> started;
  std::optional<Seconds> ended;
  std::optional<Seconds> promised;
  std::optional<Seconds> retry_at;  ///< While it backs off.
  double samples_done = 0;
  double samples_saved = 0;  ///< Of these, what a restart does not lose.
  double utility = 0;
  std::optional<double> loss;
  std::uint32_t epoch = 0;     ///< Of the last incarnation; 0: it has had none.
  std::uint32_t failures = 0;  ///< In a row: an incarnation that makes progress sets it back.
  std::uint32_t restarts = 0;  ///< After failures.
  std::uint32_t resizes = 0;
  std::uint16_t port = 0;        ///< MASTER_PORT of the last incarnation.
  std::uint32_t generation = 0;  ///< Lists of members so far, of a job that is resized in place.
  std::uint32_t last_part = 0;   ///< Largest CellId::part so far.
  std::uint32_t batch = 0;       ///< Global, that its tasks were told; 0: none was decided.
  bool was_admitted = false;     ///< The policy made a plan for it.
  bool is_cancelled = false;     ///< It ends when its cells have.
  std::string plan;              ///< JSON of what is left of the plan.
  std::string speeds;            ///< JSON of the speeds that were observed.
};

/// A cell that was asked for and is not known to have ended.
struct StoredCell {
  JobNumber job = 0;
  std::uint32_t epoch = 0;
  std::uint32_t machine = 0;
  std::uint32_t part = 0;  ///< As CellId::part; if it is not 0, there is one task.
  int workers = 0;
  int servers = 0;
  std::string token;
  bool is_stopping = false;
  int task = 0;  ///< With a part: number in the name of its task, of its role.
  int rank = 0;  ///< With a part: as the last list of members says.
  bool has_started = false;
};

/// The journal: every change is committed before anything acts on it. SQLite, one writer.
class Store {
 public:
  /// Version of the layout of the tables; a store of a newer one is refused.
  static constexpr std::int64_t kVersion = 5;

  /// Opens the store in the state directory, or makes it. `now` becomes the beginning of the time
  /// of a new one. Errors: as Database::open; failed_precondition if it is of a newer version.
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::string& directory,
                                                           const char* vfs, Seconds now);

  /// When this store was made: the zero of the policy's time.
  [[nodiscard]] Seconds beginning() const { return beginning_; }

  /// All changes until commit() are one step.
  void begin();
  /// Errors: what kept this or an earlier change from the disk; nothing is journaled any more then.
  [[nodiscard]] Result<void> commit();

  void add_job(StoredJob& job);           ///< Gives it its number.
  void update_job(const StoredJob& job);  ///< Its changing fields.
  /// Returns the number of the change. `job` 0: it is about a machine or the daemon.
  std::uint64_t add_change(Seconds at, const std::string& kind, JobNumber job, JobPhase phase,
                           std::uint32_t epoch, const std::string& text);
  void put_cell(const StoredCell& cell);
  void remove_cell(const StoredCell& cell);
  void set_drain(const std::string& machine, bool is_draining, const std::string& reason);

  void put_account(const Account& account);
  [[nodiscard]] std::vector<Account> accounts();  ///< By name.
  void put_charge(const Charge& charge);          ///< In place of that of the same job.
  [[nodiscard]] std::optional<Charge> charge_of(JobNumber job);
  [[nodiscard]] std::vector<Charge> charges(const std::string& account, std::size_t limit);

  void put_token(const StoredToken& token);
  void remove_token(const std::string& id);
  [[nodiscard]] std::vector<StoredToken> tokens();  ///< By id.

  [[nodiscard]] std::vector<StoredJob> live_jobs();  ///< By number.
  [[nodiscard]] std::vector<StoredCell> cells();     ///< By job, epoch, machine and part.
  struct Drain {
    std::string machine;
    std::string reason;
  };
  [[nodiscard]] std::vector<Drain> drains();
  [[nodiscard]] std::optional<StoredJob> job(JobNumber number);
  /// Ended jobs too. Without text and environment. Cost: O(limit) by an index.
  [[nodiscard]] std::vector<StoredJob> jobs(const JobQuery& query);
  [[nodiscard]] std::vector<JobStep> history(JobNumber job, std::size_t limit);
  /// Changes with a larger number, oldest first.
  [[nodiscard]] std::vector<ChangeView> changes_after(std::uint64_t number, std::size_t limit);
  [[nodiscard]] std::uint64_t last_change() const { return last_change_; }
  /// Instant of the last change when the store was opened; its beginning if there was none.
  [[nodiscard]] Seconds last_known() const { return last_known_; }
  /// Jobs in each phase, ended ones included. Cost: O(jobs) by an index.
  [[nodiscard]] std::vector<std::uint64_t> counts();

 private:
  explicit Store(std::unique_ptr<Database> database);
  [[nodiscard]] Result<void> prepare(Seconds now);

  std::unique_ptr<Database> database_;
  struct Statements;
  std::unique_ptr<Statements> statements_;
  Seconds beginning_{0};
  Seconds last_known_{0};
  std::uint64_t last_change_ = 0;

 public:
  ~Store();
};

}  // namespace bourse
