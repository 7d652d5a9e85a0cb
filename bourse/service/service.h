#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "bourse/engine/engine.h"
#include "bourse/policy/policy.h"
#include "bourse/service/accounts.h"
#include "bourse/service/api.h"
#include "bourse/service/job_file.h"
#include "bourse/service/observed_speeds.h"
#include "bourse/service/store.h"
#include "bourse/service/views.h"
#include "bourse/world/world.h"

namespace bourse {

struct ServiceOptions {
  std::string directory;          ///< State directory; exists and is locked by the caller.
  std::string policy = "pd-ors";  ///< For people.
  /// Makes a policy as it is before its first event; called again for every forecast.
  std::function<Result<std::unique_ptr<Policy>>()> make_policy;
  Seconds lease{15};
  Seconds slot{60};        ///< Speeds are compared with what was predicted so long before.
  Seconds first_retry{1};  ///< After the first failure in a row; doubles with each.
  Seconds longest_retry{300};
  /// Jobs that are submitted in quick succession wait for the decision once decisions have taken so
  /// long in one step of the journal: that they were accepted is answered first.
  Seconds decide_within{0.005};
  /// The journal failed: nothing is done any more, the daemon ends. Called from the loop.
  std::function<void(const Error&)> on_fatal;
};

/// What is submitted, and by whom.
struct Submission {
  std::string text;               ///< Of the job file.
  std::string file = "job.yaml";  ///< Its name in messages.
  std::string directory;          ///< Where it was submitted; absolute.
  std::string environment;        ///< As StoredJob::environment.
  std::string user;  ///< Its owner, and the group of a job whose file names none; may be empty.
  bool is_admin = false;  ///< May use any account.
};

/// The daemon's heart: asks the policy at every event, and brings what runs to what is wanted.
///
/// Everything that happens - a submission, the end of a cell, a timer - is one turn: the state
/// changes, the policy is asked, what shall be done is written down and committed, and only then is
/// it done. Requests that came together are turns of one commit. A turn that cannot be committed
/// does nothing. After a restart the journal tells which
/// cells may be alive and what was promised; the engine tells which are.
///
/// The policy decides about allocations as they shall be. A job whose cells differ from its
/// allocation is told to checkpoint and end, and starts anew, with the next epoch, once its cells
/// have ended and there is room on all its machines. So no two epochs of a job overlap and no
/// machine ever holds more than its capacity. A job that is resized in place has a cell for each
/// task: those that are too many are told to end, those that are missing start once there is room
/// for all of them, and a file tells the tasks who the others are.
///
/// Progress is what tasks report; between reports it goes on at the speed observed so far. A job
/// that has used up the work it declared is taken to have a little left until it ends.
class Service final : public EngineListener {
 public:
  /// Reads the journal and goes on where it ends. The world and the engine outlive the service.
  /// Errors: as Store::open; data_corrupted if a job in it cannot be read.
  [[nodiscard]] static Result<std::unique_ptr<Service>> open(World world, Engine& engine,
                                                             ServiceOptions options);
  ~Service() override;

  // Requests; all from the loop. What they change is committed when they return, or when the work
  // returns that they are part of.

  /// Calls `work`, which may make several requests. What they change is committed as one step when
  /// it returns, and done then. Errors: the journal's; nothing is done.
  [[nodiscard]] Result<void> together(const std::function<void()>& work);

  /// Errors: as parse_job_file and bind_job; unavailable if it can't be journaled.
  [[nodiscard]] Result<JobView> submit(const Submission& submission);
  /// What would become of the job if it were submitted now. Changes nothing.
  [[nodiscard]] Result<Forecast> forecast(const Submission& submission);
  /// Errors: not_found; failed_precondition if it has ended.
  [[nodiscard]] Result<void> cancel(JobNumber number);
  /// Errors: not_found if there is no such machine.
  [[nodiscard]] Result<void> drain(const std::string& machine, bool is_draining,
                                   const std::string& reason);

  [[nodiscard]] std::vector<JobView> jobs(const JobQuery& query);
  [[nodiscard]] Result<JobDetail> job(JobNumber number);
  /// Nothing if the policy has no prices. Errors: not_found; failed_precondition if it has ended.
  [[nodiscard]] Result<std::optional<Explanation>> explain(JobNumber number);
  [[nodiscard]] std::vector<MachineView> machines() const;
  [[nodiscard]] std::vector<ResourcePrice> prices() const;
  [[nodiscard]] std::vector<ChangeView> changes_after(std::uint64_t number, std::size_t limit);
  [[nodiscard]] std::uint64_t last_change() const { return store_->last_change(); }
  /// Errors: what made the journal fail.
  [[nodiscard]] Result<void> status() const { return status_; }
  /// Part of a task's log. Errors: not_found.
  [[nodiscard]] Result<std::string> log(JobNumber number, const std::string& task,
                                        std::uint64_t offset, std::uint64_t size);
  [[nodiscard]] const ServiceCounters& counters() const { return counters_; }
  /// Jobs in each phase, ended ones included. Cost: as Store::counts.
  [[nodiscard]] std::vector<std::uint64_t> phase_counts() { return store_->counts(); }
  [[nodiscard]] const Cluster& cluster() const { return engine_.cluster(); }
  /// Instant of the policy's time as time since 1970.
  [[nodiscard]] Seconds unix_time_of(Seconds time) const { return store_->beginning() + time; }
  /// Called after each commit that added changes.
  void on_change(std::function<void()> callback) { on_change_ = std::move(callback); }

  // service_accounts.cpp: who pays.
  [[nodiscard]] AccountList accounts();
  /// With at most `limit` charges. Errors: not_found.
  [[nodiscard]] Result<AccountDetail> account(const std::string& name, std::size_t limit);
  /// Makes an account, or gives the one of that name other terms; what it holds is as of a new one.
  /// Errors: as make_account.
  [[nodiscard]] Result<Account> put_account(const AccountRequest& request);
  /// Errors: not_found; failed_precondition if it has no limit; invalid_argument.
  [[nodiscard]] Result<Account> grant(const std::string& name, double credits);

  // service_access.cpp: tokens.
  /// Errors: as bourse::caller_of.
  [[nodiscard]] Result<Caller> caller_of(const std::string& token) const;
  [[nodiscard]] const std::vector<StoredToken>& tokens() const { return tokens_; }
  /// Errors: as make_token.
  [[nodiscard]] Result<MadeToken> create_token(const TokenRequest& request);
  /// Errors: not_found.
  [[nodiscard]] Result<StoredToken> revoke_token(const std::string& id);
  /// Errors: not_found.
  [[nodiscard]] Result<std::string> owner_of(JobNumber number);

  void on_cell(const CellEvent& event) override;
  void on_machine(MachineId machine, bool is_up, const std::string& reason) override;

 private:
  struct LiveCell {
    StoredCell record;
    bool is_removed = false;  ///< Told to end while its job goes on.
  };
  struct LiveJob {
    StoredJob record;
    JobFile file;
    Throughput declared;
    JobId id;
    ObservedSpeeds speeds;
    Allocation running;  ///< Of the present incarnation or its members; empty: it has no cells.
    std::vector<LiveCell> cells;  ///< Not ended; of the present incarnation.
    std::vector<PlannedSlot> plan;
    std::optional<Charge> charge;  ///< Once it was admitted for a price.
    struct Report {
      Seconds at{0};     ///< By the clock of its machine, which may jump.
      Seconds heard{0};  ///< By ours, which does not.
      double samples = 0;
      bool is_whole = true;  ///< As far as it says, all its workers took part.
    };
    std::optional<Report> reported;  ///< The last in this incarnation.
    std::string failure;             ///< Why the incarnation is being given up; empty: it is not.
    bool is_lost = false;            ///< It is given up through no fault of its own.
    bool has_left = false;           ///< The policy gave it up; it ends when its cells have.
    bool made_progress = false;      ///< In this incarnation.
    bool has_completed = true;       ///< All cells of this incarnation that ended have completed.
    bool is_finishing = false;       ///< Resized in place, and some member has completed.
    bool is_dirty = false;           ///< Differs from the journal.
  };
  struct MachineState {
    std::vector<Amount> free;  ///< What no cell holds.
    bool is_draining = false;
    bool is_down = false;
    std::string reason;
    [[nodiscard]] bool is_usable() const { return !is_draining && !is_down; }
  };

  Service(World world, Engine& engine, ServiceOptions options, std::unique_ptr<Store> store,
          std::unique_ptr<Policy> policy);

  // service.cpp: turns and the policy.
  [[nodiscard]] Seconds policy_now() const;
  [[nodiscard]] Seconds unix_now() const { return unix_time_of(policy_now()); }
  /// Runs the work as one turn. Errors: the journal's.
  Result<void> turn(const std::function<void()>& work);
  /// What was done since the last commit is safe from now on, and acted on.
  [[nodiscard]] Result<void> commit();
  /// It is written down at the end of the turn.
  void touch(LiveJob& job);
  /// It is looked at when wanted and running are reconciled.
  void unsettle(const LiveJob& job) { unsettled_.insert(job.record.number); }
  void ask(const Event& event);
  /// Shows the policy the first of the jobs that it has not seen.
  void decide_next();
  void decide_later();
  void apply(Decision decision);
  void keep_reason(LiveJob& job, const Reason& reason);
  void keep_plan(std::span<const PlannedSlot> plan);
  /// Asks the policy again as long as it wishes to be asked now.
  void wake_while_due();
  void arm_wake();
  /// Jobs that have used up their declared work are taken to have a little left.
  void leave_some_work();
  [[nodiscard]] double shown_samples(const LiveJob& job) const;
  [[nodiscard]] LiveJob& live(JobId id) { return jobs_.at(number_of_[id.index()]); }
  LiveJob& add_live(LiveJob job, JobSpec spec);
  /// From now on the policy can see the job.
  void show_arrival(const LiveJob& job);
  void set_phase(LiveJob& job, JobPhase phase, const std::string& why);
  void note(LiveJob& job, const std::string& what);
  void end_job(LiveJob& job, JobPhase phase, const std::string& why);
  /// The policy is told of a job that ends; it keeps nothing for it any more.
  void leave(LiveJob& job, JobPhase phase);
  void forget_ended();
  void save_soon();
  void fail_for_good(const Error& error);

  // service_start.cpp: what the journal says.
  [[nodiscard]] Result<void> recover();
  [[nodiscard]] Result<LiveJob> read_live(StoredJob record, JobSpec& spec) const;
  void recover_cells(std::vector<StoredCell> cells);
  /// What runs, by its cells.
  void recover_running(LiveJob& job);
  void recover_decisions();
  void recover_job(LiveJob& job, bool goes_on);
  /// Whether its cells are as they shall be.
  [[nodiscard]] bool goes_on(const LiveJob& job) const;
  /// A policy that learns of one job after the other must not move those it has learnt of.
  void leave_what_runs(Decision& decision) const;

  // service_accounts.cpp
  /// Errors: permission_denied if the user is no member of the account of the group.
  [[nodiscard]] Result<void> check_member(const std::string& group,
                                          const Submission& submission) const;
  /// The purse of the policy: takes the price, unless the job has paid before.
  bool pay(LiveJob& job, double price);
  /// Gives back so much of its price.
  void refund(LiveJob& job, double amount, const std::string& why);
  /// A machine under it was lost or taken away.
  void note_hit(LiveJob& job);
  void journal(const std::vector<std::string>& accounts);

  // service_cells.cpp: wanted against running.
  void take_events();
  void take_event(const CellEvent& event);
  void take_progress(LiveJob& job, const CellEvent& event);
  /// The job trained so much in this time.
  void take_speed(LiveJob& job, double samples, Seconds time, const SampleTime& each);
  /// Nothing if a clock was set in between.
  [[nodiscard]] std::optional<Seconds> time_between(const LiveJob::Report& last,
                                                    const CellEvent& event) const;
  void take_started(LiveJob& job, LiveCell& cell);
  void take_end(LiveJob& job, const CellEvent& event);
  void incarnation_is_over(LiveJob& job);
  void retry_later(LiveJob& job);
  void reconcile();
  /// False if there is nothing to do about it before something changes.
  bool reconcile_job(LiveJob& job);
  [[nodiscard]] bool has_room(const LiveJob& job, const Allocation& allocation) const;
  void hold(const LiveJob& job, const TaskGroup& group, int sign);
  void start_incarnation(LiveJob& job, const Allocation& allocation);
  [[nodiscard]] std::vector<CellSpec> specs_of(const LiveJob& job) const;
  /// Gives it a token; it holds its room from now on.
  void add_cell(LiveJob& job, StoredCell record);
  /// Starts cells from this index on.
  void start_cells(const LiveJob& job, std::size_t from);
  void stop_cells(LiveJob& job, bool is_urgent);
  void stop_cell(LiveCell& cell, bool is_urgent);
  void runs_if_all_started(LiveJob& job);
  /// The policy has decided another global batch than its tasks were told.
  [[nodiscard]] bool has_other_batch(const LiveJob& job) const;
  /// " and a batch of 256".
  [[nodiscard]] static std::string text_of_batch(int batch);
  /// The declared speed at the requested batch over that at the batch its tasks were told.
  [[nodiscard]] double speed_as_requested(const LiveJob& job) const;
  /// What the policy is to know of a job's speed and progress.
  void show_progress(LiveJob& job, Seconds startup);
  void set_usable(MachineId machine, const std::function<void(MachineState&)>& change);

  // service_in_place.cpp: jobs whose members come and go.
  [[nodiscard]] static std::vector<StoredCell> records_of(const LiveJob& job);
  [[nodiscard]] static std::vector<StoredCell> members_of(const LiveJob& job);
  /// Enough members stay, and all servers. If not, or if some have completed already, the job is
  /// restarted.
  [[nodiscard]] bool can_resize_in_place(const LiveJob& job, const Allocation& wanted) const;
  /// Does as much as there is room for. Requires that it can.
  void resize_in_place(LiveJob& job, const Allocation& wanted);
  void remove_member(LiveJob& job, const StoredCell& member);
  void add_members(LiveJob& job, const Allocation& join);
  /// Gives ranks and writes a new list of the members.
  void tell_members(LiveJob& job);
  void write_members(const LiveJob& job);
  /// What its tasks need could not be written: the incarnation fails.
  void cannot_go_on(JobNumber number, const std::string& why);

  // service_views.cpp
  void teach(Policy& policy, ClusterState& state) const;
  [[nodiscard]] JobView view_of(const StoredJob& record) const;
  [[nodiscard]] JobView view_of(const LiveJob& job) const;
  [[nodiscard]] std::vector<PlacementView> placement_of(const Allocation& allocation) const;
  [[nodiscard]] std::vector<PlanView> plan_of(std::span<const PlannedSlot> plan) const;
  [[nodiscard]] std::string directory_of(JobNumber number) const;
  /// "2 workers on 1 machine".
  [[nodiscard]] static std::string text_of_tasks(const Allocation& allocation);

  World world_;
  Engine& engine_;
  ServiceOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Policy> policy_;
  std::vector<JobSpec> specs_;          ///< By JobId; of all jobs since this process began.
  ClusterState state_;                  ///< What the policy sees.
  std::vector<JobNumber> number_of_;    ///< By JobId.
  std::map<JobNumber, LiveJob> jobs_;   ///< That have not ended.
  std::vector<MachineState> machines_;  ///< By MachineId.
  std::vector<StoredToken> tokens_;     ///< By id, as in the store.
  Accounts accounts_;                   ///< As in the store.
  std::vector<CellEvent> inbox_;        ///< Came in this turn of the loop.
  std::deque<JobNumber> undecided_;     ///< Accepted, not seen by the policy.
  std::vector<JobNumber> ended_;        ///< In this turn.
  std::vector<JobNumber> dirty_;        ///< That differ from the journal, in this turn.
  /// Whose cells may not be as they shall be, or that back off; kept until there is nothing to do.
  std::set<JobNumber> unsettled_;
  std::vector<std::function<void()>> acts_;  ///< To be done once the turn is committed.
  ServiceCounters counters_;
  std::function<void()> on_change_;
  Seconds start_policy_{0};  ///< Policy time and clock when this process began.
  Seconds start_clock_{0};
  Seconds wake_at_ = kForever;  ///< When the policy wishes to be asked again.
  TimerId wake_timer_ = 0;
  TimerId inbox_timer_ = 0;
  TimerId save_timer_ = 0;
  TimerId retry_timer_ = 0;
  TimerId stuck_timer_ = 0;
  TimerId decide_timer_ = 0;
  Seconds decide_until_{0};    ///< In this step of the journal, by the clock.
  bool has_accepted_ = false;  ///< Jobs, since the policy was last shown some.
  std::vector<std::pair<JobNumber, std::string>> stuck_;  ///< Jobs that cannot go on, and why.
  Result<void> status_;
  std::uint64_t told_change_ = 0;
  bool is_recovering_ = false;
  bool is_together_ = false;  ///< Turns do not commit; who made them does.
  bool is_open_ = false;      ///< A step of the journal has begun.
};

}  // namespace bourse
