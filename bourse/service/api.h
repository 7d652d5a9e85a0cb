#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/cluster.h"
#include "bourse/model/resources.h"
#include "bourse/policy/explanation.h"
#include "bourse/service/access.h"
#include "bourse/service/views.h"

namespace bourse {

// What can be asked of the daemon, apart from how it is asked (http_server.h).

/// Which jobs to list, newest first.
struct JobQuery {
  std::vector<JobPhase> phases;  ///< Only these; empty: all.
  std::string group;             ///< Only of this group; empty: all.
  std::string owner;             ///< Only of this user; empty: all.
  JobNumber before = 0;          ///< Only numbers below; 0: all.
  std::size_t limit = 100;       ///< From 1 to kMaxJobsListed.
};
inline constexpr std::size_t kMaxJobsListed = 1000;

struct JobList {
  std::vector<JobView> jobs;  ///< Newest first.
  JobNumber next_before = 0;  ///< `before` of the next page; 0: this is the last.
};

/// A job to submit.
struct SubmitRequest {
  std::string file;               ///< The text of the job file.
  std::string name = "job.yaml";  ///< Of the file, in messages.
  std::string directory;          ///< Where it is submitted, absolute; may be empty.
  std::map<std::string, std::string> environment;  ///< Of who submits it.
  bool is_dry_run = false;                         ///< Nothing is submitted: only the forecast.
  std::string user;  ///< Who submits it; empty: the user of the daemon. Not part of the body.
};

/// What a submission came to. Exactly one of `job` and `forecast` is there.
struct SubmitReply {
  std::optional<JobView> job;
  std::optional<Forecast> forecast;   ///< Of a dry run.
  std::vector<std::string> warnings;  ///< One sentence each.
};

/// A part of the log of a task.
struct LogPart {
  std::string bytes;
  std::uint64_t offset = 0;  ///< Of the first byte.
  bool is_complete = false;  ///< The task has ended and this is the end of its log.
};
/// Most bytes of a log that are handed over at once.
inline constexpr std::uint64_t kMaxLogPart = std::uint64_t{1} << 20;

/// One way to run a job, and what it costs.
struct OptionView {
  Seconds completion{0};  ///< Since 1970-01-01 UTC, as all instants here.
  double utility = 0;
  double cost = 0;
  std::vector<std::pair<std::string, double>> paid;  ///< Cost by resource.
  double cost_when_idle = 0;                         ///< At the lowest prices.
  std::vector<PlanView> runs;
};

/// Why a job gets what it gets: `bourse explain`.
struct ExplanationView {
  JobNumber job = 0;
  std::string name;
  Seconds at{0};
  std::string reason;  ///< One sentence.
  bool is_booked = false;
  std::optional<Seconds> promised;
  std::optional<OptionView> best;    ///< Nothing if the policy has no prices or no schedule.
  std::optional<OptionView> sooner;  ///< The best that completes in an earlier slot.
  std::optional<OptionView> later;   ///< The best that starts a slot later.
};

/// The prices of an explanation for people elsewhere; `origin` is the zero of the policy's time.
/// Name, number, instant and reason are the caller's to set.
[[nodiscard]] ExplanationView view_of(const Explanation& explanation, const Cluster& cluster,
                                      Seconds origin);

struct MachineList {
  ResourceTypes types;  ///< Of capacity and use.
  std::vector<MachineView> machines;
};

struct PriceList {
  std::string policy;
  std::vector<ResourcePrice> prices;  ///< Empty if the policy has no prices.
};

/// Durations that were counted: how many, their sum and the longest.
struct DurationFigure {
  std::uint64_t count = 0;
  Seconds sum{0};
  Seconds max{0};
};

/// What the service counts from the beginning of its process on.
struct ServiceCounters {
  DurationFigure decisions;  ///< Answers of the policy.
  DurationFigure commits;    ///< Of the journal.
  std::uint64_t cells_started = 0;
  std::uint64_t cells_lost = 0;
  std::uint64_t failures = 0;  ///< Of incarnations.
  std::uint64_t resizes = 0;
  double utility = 0;  ///< Earned by finished jobs.
};

/// Figures for monitoring (/metrics).
struct MetricsView {
  std::string version;
  std::string policy;
  Seconds started{0};                                    ///< Of the daemon, since 1970-01-01 UTC.
  std::vector<std::pair<JobPhase, std::uint64_t>> jobs;  ///< In each phase, now.
  std::vector<std::pair<std::string, std::uint64_t>> machines;  ///< In each state, now.
  /// Capacity and use of all machines that are up, now.
  MachineView total;
  ResourceTypes types;
  std::vector<ResourcePrice> prices;
  ServiceCounters counters;
};

/// What the server asks. All functions are called on the daemon's loop. Errors of those that name a
/// job or machine: not_found.
class Api {
 public:
  virtual ~Api() = default;

  /// Calls `work`, which asks several things of it. What they change is one step of the journal and
  /// is safe on return. Errors: what kept it from the journal; then nothing of it is done.
  [[nodiscard]] virtual Result<void> together(const std::function<void()>& work) {
    work();
    return {};
  }

  [[nodiscard]] virtual Result<JobList> jobs(const JobQuery& query) = 0;
  [[nodiscard]] virtual Result<JobDetail> job(JobNumber number) = 0;
  /// Errors: as parse_job_file and bind_job.
  [[nodiscard]] virtual Result<SubmitReply> submit(const SubmitRequest& request) = 0;
  /// Errors: failed_precondition if it has ended. Returns the job as it is then.
  [[nodiscard]] virtual Result<JobView> cancel(JobNumber number) = 0;
  /// At most `limit` (<= kMaxLogPart) bytes of the log of "worker-0" from `offset` on; fewer, or
  /// none, at its end. Errors: not_found if there is no such task.
  [[nodiscard]] virtual Result<LogPart> log(JobNumber number, const std::string& task,
                                            std::uint64_t offset, std::uint64_t limit) = 0;
  [[nodiscard]] virtual Result<ExplanationView> explain(JobNumber number) = 0;
  [[nodiscard]] virtual Result<MachineList> machines() = 0;
  /// `is_draining` false: takes tasks again. Returns the machine as it is then.
  [[nodiscard]] virtual Result<MachineList> drain(const std::string& machine, bool is_draining,
                                                  const std::string& reason) = 0;
  [[nodiscard]] virtual Result<PriceList> prices() = 0;
  /// Changes with a larger number, oldest first, at most `limit`.
  [[nodiscard]] virtual Result<std::vector<ChangeView>> changes_after(std::uint64_t number,
                                                                      std::size_t limit) = 0;
  /// Number of the last change; 0 if there is none.
  [[nodiscard]] virtual std::uint64_t last_change() = 0;
  [[nodiscard]] virtual Result<MetricsView> metrics() = 0;
  /// Who submitted the job.
  [[nodiscard]] virtual Result<std::string> owner_of(JobNumber number) = 0;

  /// Whose token it is. Errors: as bourse::caller_of.
  [[nodiscard]] virtual Result<Caller> caller_of(const std::string& token) = 0;
  [[nodiscard]] virtual Result<TokenList> tokens() = 0;
  /// The token is in the answer, and never again. Errors: as make_token.
  [[nodiscard]] virtual Result<TokenView> create_token(const TokenRequest& request) = 0;
  /// Errors: not_found. Returns the token as it was.
  [[nodiscard]] virtual Result<TokenView> revoke_token(const std::string& id) = 0;

  /// Errors: unavailable, with the reason, while the daemon cannot take jobs.
  [[nodiscard]] virtual Result<void> ready() = 0;
};

}  // namespace bourse
