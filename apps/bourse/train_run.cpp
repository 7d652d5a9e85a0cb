#include "apps/bourse/train_run.h"

#include <fmt/format.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <utility>

#include "bourse/program/stop_signals.h"

namespace bourse {
namespace {

/// Between being told to end and being killed.
constexpr Seconds kGrace{30};
/// Exit status of a process that can never succeed.
constexpr int kHopeless = 2;

std::string server_address(const std::string& folder, int epoch, std::size_t rank) {
  return fmt::format("unix:{}/{}-{}", folder, epoch, rank);
}

}  // namespace

TrainRun::TrainRun(Options options)
    : options_(std::move(options)), world_(real_.world()), token_(program::random_token()) {
  sockets_ = "/tmp/bourse-train-XXXXXX";
  if (mkdtemp(sockets_.data()) == nullptr) sockets_.clear();
  if (options_.forks_workers) prepare_forks();
  real_.on_signal(SIGINT, [this] { stop(); });
  real_.on_signal(SIGTERM, [this] { stop(); });
  real_.on_signal(SIGUSR1, [this] {
    if (!is_stopping_ && !is_restarting_) start(false, next_worker_);
  });
  real_.on_signal(SIGUSR2, [this] { remove_worker(); });
}

TrainRun::~TrainRun() {
  std::error_code ignored;
  if (!sockets_.empty()) std::filesystem::remove_all(sockets_, ignored);
}

Result<void> TrainRun::run() {
  if (sockets_.empty())
    return fail(ErrorCode::failed_precondition, "cannot make a folder for sockets in /tmp");
  start_all();
  if (!members_.empty()) real_.run();
  return result_;
}

void TrainRun::start_all() {
  ++epoch_;
  is_restarting_ = false;
  next_worker_ = 0;
  for (std::size_t i = 0; i < options_.servers; ++i) start(true, i);
  for (std::size_t i = 0; i < options_.workers; ++i) start(false, next_worker_);
}

void TrainRun::prepare_forks() {
  forks_ = std::make_unique<WorkerForks>(
      world_,
      WorkerForks::Options{
          .command = options_.command,
          .environment = common_environment(),
          .socket = sockets_ + "/forks",
          .fifo = options_.servers == 0 ? progress_pipe(false) : "",
          .on_output = [this](OutputStream stream,
                              std::string_view text) { take_output("forks", stream, text); },
          .on_end = [this](const std::string& task, ExitStatus status) { ended(task, status); }});
}

std::vector<std::string> TrainRun::common_environment() const {
  std::vector<std::string> variables;
  for (char** each = environ; *each != nullptr; ++each)
    if (!std::string_view(*each).starts_with("BOURSE_")) variables.emplace_back(*each);
  variables.emplace_back("BOURSE_JOB=train");
  variables.push_back("BOURSE_TRAIN_TOKEN=" + token_);
  variables.push_back("BOURSE_CHECKPOINT=" + options_.folder);
  return variables;
}

std::vector<std::string> TrainRun::variables(bool is_server, std::size_t rank,
                                             const std::string& task) const {
  std::string addresses;
  for (std::size_t i = 0; i < options_.servers; ++i)
    addresses += (i == 0 ? "" : ",") + server_address(sockets_, epoch_, i);
  std::vector<std::string> variables = {
      fmt::format("BOURSE_ROLE={}", is_server ? "server" : "worker"),
      fmt::format("BOURSE_RANK={}", rank),
      "BOURSE_TASK=" + task,
      fmt::format("BOURSE_EPOCH={}", epoch_),
      "BOURSE_SERVER_ADDRESSES=" + addresses,
      "BOURSE_LEADER_ADDRESS=" + server_address(sockets_, epoch_, 0)};
  if (leads(is_server, rank)) variables.push_back("BOURSE_PROGRESS=" + progress_pipe(is_server));
  return variables;
}

/// Workers that are forked have one in common, while their fork server lives.
std::string TrainRun::progress_pipe(bool is_server) const {
  return options_.forks_workers && !is_server ? sockets_ + "/progress"
                                              : fmt::format("{}/progress-{}", sockets_, epoch_);
}

/// It has the coordinator.
bool TrainRun::leads(bool is_server, std::size_t rank) const {
  return rank == 0 && is_server == (options_.servers > 0);
}

void TrainRun::start(bool is_server, std::size_t rank) {
  if (!is_server) ++next_worker_;
  const std::string task = fmt::format("{}-{}", is_server ? "server" : "worker", rank);
  const Result<std::optional<ProcessId>> started = start_process(is_server, rank, task);
  if (!started) return end(started.error());
  members_[task] = {.process = *started,
                    .is_server = is_server,
                    .rank = rank,
                    .is_leader = leads(is_server, rank)};
}

/// Nothing for one that is forked.
Result<std::optional<ProcessId>> TrainRun::start_process(bool is_server, std::size_t rank,
                                                         const std::string& task) {
  std::vector<std::string> own = variables(is_server, rank, task);
  if (is_forked(is_server)) {
    BOURSE_TRY_VOID(forks_->start(task, own));
    return std::nullopt;
  }
  ProcessOptions process{
      .command = options_.command, .environment = common_environment(), .dies_with_us = true};
  process.environment.insert(process.environment.end(), own.begin(), own.end());
  if (leads(is_server, rank)) process.fifo = progress_pipe(is_server);
  process.on_output = [this, task](OutputStream stream, std::string_view text) {
    take_output(task, stream, text);
  };
  process.on_exit = [this, task](ExitStatus status) { ended(task, status); };
  return world_.processes.spawn(std::move(process));
}

void TrainRun::take_output(const std::string& from, OutputStream stream, std::string_view text) {
  const bool is_progress = stream == OutputStream::fifo;
  pass_on(rests_[from + (is_progress ? "+" : "")], text,
          is_progress ? options_.on_progress : options_.on_note);
}

/// Whole lines at a time.
void TrainRun::pass_on(std::string& rest, std::string_view text,
                       const std::function<void(std::string_view)>& line) const {
  rest += text;
  std::size_t begin = 0;
  for (std::size_t at = rest.find('\n'); at != std::string::npos; at = rest.find('\n', begin)) {
    line(std::string_view(rest).substr(begin, at - begin));
    begin = at + 1;
  }
  rest.erase(0, begin);
}

void TrainRun::ended(const std::string& task, ExitStatus status) {
  const Member member = members_[task];
  members_.erase(task);
  if (member.is_leader && status.is_success()) is_done_ = true;
  if (!status.is_success() && !member.is_told && !is_restarting_ && !is_done_)
    failed(member, task, status);
  if (!members_.empty()) return;
  if (is_restarting_ && !is_stopping_ && result_)
    start_all();
  else
    finish();
}

/// When all that was said has been heard.
void TrainRun::finish() {
  if (forks_)
    forks_->finish([this] { real_.stop(); });
  else
    real_.stop();
}

void TrainRun::failed(const Member& member, const std::string& task, ExitStatus status) {
  if (!result_) return;
  if (status.code == kHopeless || is_stopping_)
    return end({ErrorCode::failed_precondition, fmt::format("{}: {}", task, text_of(status))});
  if (++failures_ > options_.retries)
    return end({ErrorCode::unavailable, fmt::format("{}: {}; that was one too many (--retries {})",
                                                    task, text_of(status), options_.retries)});
  const bool begins_anew = member.is_server || member.is_leader;
  options_.on_note(fmt::format(
      "{}: {}; {}", task, text_of(status),
      begins_anew ? "all begin anew from the last checkpoint" : "another takes its place"));
  if (!begins_anew) return start(false, next_worker_);
  is_restarting_ = true;
  signal_all(SIGKILL);
}

void TrainRun::end(Error error) {
  result_ = tl::unexpected<Error>(std::move(error));
  signal_all(SIGKILL);
  if (members_.empty()) finish();
}

void TrainRun::signal_one(const std::string& task, const Member& member, int signal) {
  if (member.process)
    world_.processes.signal(*member.process, signal);
  else
    forks_->signal(task, signal);
}

void TrainRun::signal_all(int signal) {
  for (auto& [task, member] : members_) {
    member.is_told = true;
    signal_one(task, member, signal);
  }
}

void TrainRun::stop() {
  if (is_stopping_) return signal_all(SIGKILL);
  is_stopping_ = true;
  signal_all(SIGTERM);
  world_.clock.call_in(kGrace, [this] { signal_all(SIGKILL); });
}

/// The one that came last, unless it is the only one.
void TrainRun::remove_worker() {
  std::string last;
  std::size_t workers = 0;
  for (const auto& [task, member] : members_) {
    if (member.is_server || member.is_leader || member.is_told) continue;
    ++workers;
    if (last.empty() || member.rank > members_[last].rank) last = task;
  }
  if (last.empty() || (workers < 2 && options_.servers > 0)) return;
  members_[last].is_told = true;
  signal_one(last, members_[last], SIGTERM);
}

}  // namespace bourse
