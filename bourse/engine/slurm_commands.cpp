#include "bourse/engine/slurm_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json_fwd.hpp>
#include <utility>

namespace bourse {
namespace {

/// Most of what a command may print; the rest is thrown away, and with it the whole.
constexpr std::size_t kMostOutput = std::size_t{64} << 20;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

}  // namespace

std::vector<std::string> slurm_environment(const std::vector<std::string>& environment) {
  static constexpr std::array<std::string_view, 9> kNames{
      "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH", "SLURM_CONF", "TZ"};
  std::vector<std::string> clean{"LC_ALL=C"};
  for (const std::string& variable : environment) {
    const std::string_view name = std::string_view(variable).substr(0, variable.find('='));
    if (std::ranges::find(kNames, name) != kNames.end()) clean.push_back(variable);
  }
  return clean;
}

SlurmCommands::SlurmCommands(World& world, SlurmCommandOptions options)
    : world_(world), options_(std::move(options)) {}

SlurmCommands::~SlurmCommands() {
  world_.clock.cancel(start_timer_);
  for (const auto& [number, running] : running_) {
    world_.clock.cancel(running.deadline);
    world_.processes.signal(running.process, SIGKILL);
  }
}

void SlurmCommands::use_helper(SlurmHelperOptions options, SlurmHelper::Listener listener) {
  helper_ = std::make_unique<SlurmHelper>(world_, std::move(options), std::move(listener));
}

void SlurmCommands::submit(const SlurmSubmission& submission, const Done<std::uint64_t>& done) {
  add({.command = submit_command(submission, options_.access),
       .environment = submission.environment,
       .done =
           [done](const Result<std::string>& output) {
             done(output ? parse_slurm_submission(*output) : tl::unexpected<Error>(output.error()));
           },
       .request = submit_request(submission, options_.access, options_.environment),
       .answered = [done](const nlohmann::json& answer) { done(helper_submission(answer)); },
       .is_repeatable = false},
      false);
}

void SlurmCommands::cancel(const std::vector<std::uint64_t>& jobs, const Done<std::string>& done) {
  std::vector<std::string> command{"scancel", "--quiet"};
  for (const std::uint64_t job : jobs) command.push_back(std::to_string(job));
  add({.command = std::move(command),
       .environment = {},
       .done = done,
       .request = cancel_request(jobs),
       .answered = [done](const nlohmann::json& answer) { done(helper_done(answer)); }},
      true);
}

void SlurmCommands::complete(std::uint64_t job, const Done<std::string>& done) {
  add({.command = {},
       .environment = {},
       .done = done,
       .request = complete_request(job),
       .answered = [done](const nlohmann::json& answer) { done(helper_done(answer)); },
       .is_repeatable = false},
      false);
}

void SlurmCommands::list_jobs(std::vector<std::string> command, std::string request,
                              const Done<std::vector<SlurmJob>>& done) {
  command.insert(command.end(), {"-o", std::string(kSlurmJobFormat)});
  add({.command = std::move(command),
       .environment = {},
       .done =
           [done](const Result<std::string>& output) {
             done(output ? parse_slurm_jobs(*output) : tl::unexpected<Error>(output.error()));
           },
       .request = std::move(request),
       .answered = [done](const nlohmann::json& answer) { done(helper_jobs(answer)); }},
      true);
}

void SlurmCommands::live_jobs(const Done<std::vector<SlurmJob>>& done) {
  list_jobs({"squeue", "-h", "-a", "--me"}, jobs_request(), done);
}

void SlurmCommands::jobs_named(const std::vector<std::string>& names,
                               const Done<std::vector<SlurmJob>>& done) {
  list_jobs({"squeue", "-h", "-a", "--me", "-t", "all", "-n", joined(names)}, jobs_request(names),
            done);
}

void SlurmCommands::nodes(const std::string& names, Done<std::vector<SlurmNode>> done) {
  std::vector<std::string> command{"sinfo", "-h", "-N", "-O", std::string(kSlurmNodeFormat)};
  if (!options_.access.partition.empty())
    command.insert(command.end(), {"-p", options_.access.partition});
  if (!names.empty()) command.insert(command.end(), {"-n", names});
  run(std::move(command), [done = std::move(done)](const Result<std::string>& output) {
    done(output ? parse_slurm_nodes(*output) : tl::unexpected<Error>(output.error()));
  });
}

void SlurmCommands::extend(std::uint64_t job, Seconds by, const Done<std::string>& done) {
  // Twice would be too much, but is harmless: the limit only keeps what is forgotten from staying.
  add({.command = {"scontrol", "update", fmt::format("JobId={}", job),
                   fmt::format("TimeLimit=+{}", slurm_minutes(by))},
       .environment = {},
       .done = done,
       .request = extend_request(job, slurm_minutes(by)),
       .answered = [done](const nlohmann::json& answer) { done(helper_done(answer)); }},
      true);
}

void SlurmCommands::run(std::vector<std::string> command, Done<std::string> done) {
  Call call;
  call.command = std::move(command);
  call.done = std::move(done);
  add(std::move(call), true);
}

void SlurmCommands::add(Call call, bool is_urgent) {
  (is_urgent ? urgent_ : waiting_).push_back(std::move(call));
  start_next();
}

void SlurmCommands::start_next() {
  while (!urgent_.empty() || !waiting_.empty()) {
    if (running_.size() + asking_ >= static_cast<std::size_t>(options_.most_at_once)) return;
    const Seconds now = world_.clock.now();
    const Seconds gap(1.0 /
                      (has_helper() ? options_.most_asked_per_second : options_.most_per_second));
    // What was not used of the last moments may be used now, a tenth of a second's worth.
    next_start_ = std::max(next_start_, now - Seconds(0.1));
    if (next_start_ > now) {
      if (start_timer_ == 0)
        start_timer_ = world_.clock.call_at(next_start_, [this] {
          start_timer_ = 0;
          start_next();
        });
      return;
    }
    next_start_ = next_start_ + gap;
    std::deque<Call>& queue = urgent_.empty() ? waiting_ : urgent_;
    Call call = std::move(queue.front());
    queue.pop_front();
    start(std::move(call));
  }
}

void SlurmCommands::ask(Call call) {
  ++asking_;
  const std::string request = std::move(call.request);
  call.request.clear();  // Next time by its command.
  helper_->ask(request, alive_.guard([this, call = std::move(call)](const nlohmann::json* answer) {
    --asking_;
    start_next();
    if (answer != nullptr) return call.answered(*answer);
    if (call.is_repeatable) return add(call, true);
    call.done(
        fail(ErrorCode::deadline_exceeded, "bourse-slurm-helper was lost before it answered"));
  }));
}

void SlurmCommands::start(Call call) {
  if (!call.request.empty() && has_helper()) return ask(std::move(call));
  if (call.command.empty())
    return fail_later(std::move(call.done),
                      {ErrorCode::unavailable, "bourse-slurm-helper is not there"});
  const std::uint64_t number = ++last_number_;
  std::vector<std::string> environment = options_.environment;
  environment.insert(environment.end(), call.environment.begin(), call.environment.end());
  const std::string program = call.command.front();
  const Result<ProcessId> process = world_.processes.spawn(
      {.command = std::move(call.command),
       .environment = std::move(environment),
       .dies_with_us = true,
       .on_output = alive_.guard([this, number](OutputStream stream, std::string_view bytes) {
         const auto entry = running_.find(number);
         if (entry == running_.end()) return;
         std::string& kept =
             stream == OutputStream::standard_output ? entry->second.output : entry->second.error;
         if (kept.size() < kMostOutput) kept += bytes;
       }),
       .on_exit = alive_.guard([this, number](ExitStatus status) { on_exit(number, status); })});
  if (!process) return fail_later(std::move(call.done), process.error());
  const TimerId deadline =
      world_.clock.call_in(options_.deadline, [this, number] { on_deadline(number); });
  running_.emplace(number, Running{.process = *process,
                                   .program = program,
                                   .output = {},
                                   .error = {},
                                   .done = std::move(call.done),
                                   .deadline = deadline});
}

void SlurmCommands::fail_later(Done<std::string> done, const Error& error) {
  world_.clock.call_in(Seconds(0), alive_.guard([this, done = std::move(done), error] {
    done(tl::unexpected<Error>(error));
    start_next();
  }));
}

void SlurmCommands::on_deadline(std::uint64_t number) {
  Running& running = running_.at(number);
  running.is_late = true;
  running.deadline = 0;
  world_.processes.signal(running.process, SIGKILL);
}

void SlurmCommands::on_exit(std::uint64_t number, ExitStatus status) {
  const auto entry = running_.find(number);
  if (entry == running_.end()) return;
  const Running running = std::move(entry->second);
  running_.erase(entry);
  world_.clock.cancel(running.deadline);
  start_next();
  if (running.is_late)
    return running.done(fail(
        ErrorCode::deadline_exceeded,
        fmt::format("{} did not answer within {}s", running.program, options_.deadline.value)));
  if (!status.is_success() || running.output.size() >= kMostOutput)
    return running.done(tl::unexpected<Error>(
        slurm_error(running.program, running.error.empty() ? text_of(status) : running.error)));
  running.done(running.output);
}

}  // namespace bourse
