#include "apps/bourse/job_wait.h"

#include <fmt/core.h>

#include <chrono>
#include <string>
#include <thread>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_client.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/view_text.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

constexpr int kMostReconnects = 60;  ///< A second apart, to reach a daemon that is gone.

class JobWait {
 public:
  JobWait(const ServerAddress& address, const JobView& job, OutputFormat format)
      : asker_(address),
        watcher_(address),
        number_(job.number),
        format_(format),
        shown_(job.phase) {}

  int run() {
    end_quietly_on_interrupt();
    int tries = 0;
    while (true) {
      const Result<void> streamed = watcher_.stream("/v1/events", {}, [&](std::string_view piece) {
        tries = 0;
        return take(piece);
      });
      if (status_ >= 0) return status_;
      if (!streamed && streamed.error().code != ErrorCode::unavailable)
        return failure(streamed.error());
      if (++tries > kMostReconnects)
        return failure(streamed ? Error{ErrorCode::unavailable, "the daemon ended the stream"}
                                : streamed.error());
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }

 private:
  /// False once the job has ended. The first piece of a stream comes before any change, so that
  /// looking then misses nothing.
  bool take(std::string_view piece) {
    bool is_about_it = piece.starts_with("retry:");
    lines_.take(piece, [&](const std::string& data) {
      const Result<ChangeView> change = change_from_json(data);
      is_about_it = is_about_it || (change && change->job == number_);
    });
    return !is_about_it || look();
  }

  bool look() {
    const Result<std::string> answer = asker_.get(fmt::format("/v1/jobs/{}", number_));
    if (!answer) return leave_with(failure(answer.error()));
    const Result<JobDetail> detail = job_detail_from_json(*answer);
    if (!detail) return leave_with(failure(detail.error()));
    const JobView& job = detail->job;
    const std::string standing =
        fmt::format("job {} '{}': {}\n", job.number, job.name, standing_text(job, unix_now()));
    if (format_ == OutputFormat::table && job.phase != shown_) {
      shown_ = job.phase;
      if (print(standing) != kExitOk) return leave_with(kExitFailure);
    }
    if (!is_end(job.phase)) return true;
    int status = job.phase == JobPhase::finished ? kExitOk : kExitFailure;
    if (format_ == OutputFormat::json && print(indented(*answer)) != kExitOk) status = kExitFailure;
    return leave_with(status);
  }

  bool leave_with(int status) {
    status_ = status;
    return false;
  }

  DaemonClient asker_;
  DaemonClient watcher_;
  JobNumber number_;
  OutputFormat format_;
  EventLines lines_;
  JobPhase shown_;
  int status_ = -1;
};

}  // namespace

int wait_for_job(const ServerAddress& address, const JobView& job, OutputFormat format) {
  return JobWait(address, job, format).run();
}

}  // namespace bourse
