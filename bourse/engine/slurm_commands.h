#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bourse/engine/alive.h"
#include "bourse/engine/slurm_helper.h"
#include "bourse/engine/slurm_submission.h"
#include "bourse/engine/slurm_text.h"
#include "bourse/world/world.h"

namespace bourse {

struct SlurmCommandOptions {
  /// "NAME=value", all of it. Must hold none of the variables by which users choose defaults.
  std::vector<std::string> environment;
  SlurmAccess access;
  Seconds deadline{20};  ///< A command is killed after this: Slurm's own take 9 s without a server.
  int most_at_once = 8;
  int most_per_second = 100;  ///< Commands started, so that no burst of ours stops slurmctld.
  int most_asked_per_second =
      400;  ///< Of the helper: each is one call, while sbatch makes several.
};

/// The variables among these that a command of Slurm may see: where things are, and SLURM_CONF;
/// not SQUEUE_FORMAT, SBATCH_PARTITION or others that change what a command does or prints.
[[nodiscard]] std::vector<std::string> slurm_environment(
    const std::vector<std::string>& environment);

/// Slurm by its commands: sbatch, squeue, sinfo, scancel, scontrol; or, for what comes often, by
/// bourse-slurm-helper while that can be asked. Few at once; questions and cancellations before
/// submissions; each with a deadline. Callbacks come from the loop.
///
/// Errors of all: as slurm_error(); deadline_exceeded if the command was killed, and may have done
/// its work or not; not_found if it is not installed.
class SlurmCommands {
 public:
  template <class Value>
  using Done = std::function<void(Result<Value>)>;

  SlurmCommands(World& world, SlurmCommandOptions options);
  ~SlurmCommands();
  SlurmCommands(const SlurmCommands&) = delete;
  SlurmCommands& operator=(const SlurmCommands&) = delete;

  /// Starts the helper, and asks it from when on it is ready.
  void use_helper(SlurmHelperOptions options, SlurmHelper::Listener listener);

  /// The number of the job.
  void submit(const SlurmSubmission& submission, const Done<std::uint64_t>& done);
  /// SIGTERM, and SIGKILL after the KillWait of the site. Jobs that have ended are no error.
  void cancel(const std::vector<std::uint64_t>& jobs, const Done<std::string>& done);
  /// Ends a running job at once, as one that has completed; what it still runs gets SIGTERM. Comes
  /// after submissions that were asked for before. Only the helper can: errors as of all, or
  /// unavailable without it.
  void complete(std::uint64_t job, const Done<std::string>& done);
  /// Jobs of this user that have not ended.
  void live_jobs(const Done<std::vector<SlurmJob>>& done);
  /// Jobs with these names, those that ended some minutes ago included.
  void jobs_named(const std::vector<std::string>& names, const Done<std::vector<SlurmJob>>& done);
  /// Nodes of the partition, and only these if any are named ("n[1-4],n7").
  void nodes(const std::string& names, Done<std::vector<SlurmNode>> done);
  /// The time limit of a job ends so much later.
  void extend(std::uint64_t job, Seconds by, const Done<std::string>& done);
  /// Any command; what it printed.
  void run(std::vector<std::string> command, Done<std::string> done);

  [[nodiscard]] const SlurmCommandOptions& options() const { return options_; }
  /// The helper is there, and is asked.
  [[nodiscard]] bool has_helper() const { return helper_ != nullptr && helper_->is_ready(); }

 private:
  struct Call {
    std::vector<std::string> command;      ///< Empty: only the helper can do it.
    std::vector<std::string> environment;  ///< Beside the common one.
    Done<std::string> done;                ///< What the command printed.
    std::string request;                   ///< The same to the helper; empty: by the command only.
    std::function<void(const nlohmann::json&)> answered;  ///< What the helper said.
    bool is_repeatable = true;                            ///< Doing it twice does no harm.
  };
  struct Running {
    ProcessId process;
    std::string program;
    std::string output;
    std::string error;
    Done<std::string> done;
    TimerId deadline = 0;
    bool is_late = false;
  };

  void list_jobs(std::vector<std::string> command, std::string request,
                 const Done<std::vector<SlurmJob>>& done);
  void add(Call call, bool is_urgent);
  void start_next();
  void start(Call call);
  void ask(Call call);
  void fail_later(Done<std::string> done, const Error& error);
  void on_exit(std::uint64_t number, ExitStatus status);
  void on_deadline(std::uint64_t number);

  World& world_;
  SlurmCommandOptions options_;
  std::deque<Call> urgent_;
  std::deque<Call> waiting_;
  std::map<std::uint64_t, Running> running_;
  std::unique_ptr<SlurmHelper> helper_;
  std::size_t asking_ = 0;  ///< Questions that the helper has not answered.
  std::uint64_t last_number_ = 0;
  Seconds next_start_{0};  ///< Not before.
  TimerId start_timer_ = 0;
  Alive alive_;
};

}  // namespace bourse
