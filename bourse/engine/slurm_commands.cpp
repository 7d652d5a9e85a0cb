#include "bourse/engine/slurm_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <utility>

namespace bourse {
namespace {

/// Most of what a command may print; the rest is thrown away, and with it the whole.
constexpr std::size_t kMostOutput = std::size_t{64} << 20;

/// For a shell: what is within single quotes stays as it is.
std::string shell_word(std::string_view word) {
  std::string text = "'";
  for (const char c : word) c == '\'' ? text += "'\\''" : text += c;
  return text + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

/// Slurm puts numbers into file names where it finds a '%'.
std::string file_pattern(std::string_view path) {
  std::string text;
  for (const char c : path) text += c == '%' ? "%%" : std::string(1, c);
  return text;
}

std::int64_t minutes_of(Seconds time) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(time.value / 60)));
}

std::vector<std::string> submit_command(const SlurmSubmission& job, const SlurmAccess& access) {
  std::vector<std::string> command{
      "sbatch",
      "--parsable",
      "--no-requeue",
      fmt::format("--job-name={}", job.name),
      fmt::format("--comment=cell of bourse, {}", job.name),
      fmt::format("--nodelist={}", job.node),
      "--nodes=1-1",
      "--ntasks=1",
      fmt::format("--cpus-per-task={}", job.cpus),
      fmt::format("--mem={}M", job.memory_mib),
      fmt::format("--time={}", minutes_of(job.time_limit)),
      fmt::format("--output={}", file_pattern(job.output_file)),
      "--open-mode=append",
      "--chdir=/",
  };
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) command.push_back(fmt::format("{}={}", option, value));
  };
  add("--partition", access.partition);
  add("--account", access.account);
  add("--qos", access.qos);
  add("--reservation", access.reservation);
  std::string gres;
  for (const auto& [name, count] : job.gres)
    if (count > 0) gres += fmt::format("{}{}:{}", gres.empty() ? "" : ",", name, count);
  add("--gres", gres);
  std::string script = "exec";
  for (const std::string& word : job.command) script += " " + shell_word(word);
  add("--wrap", script);
  return command;
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

void SlurmCommands::submit(const SlurmSubmission& submission, Done<std::uint64_t> done) {
  add({.command = submit_command(submission, options_.access),
       .environment = submission.environment,
       .done =
           [done = std::move(done)](const Result<std::string>& output) {
             done(output ? parse_slurm_submission(*output) : tl::unexpected<Error>(output.error()));
           }},
      false);
}

void SlurmCommands::cancel(const std::vector<std::uint64_t>& jobs, Done<std::string> done) {
  std::vector<std::string> command{"scancel", "--quiet"};
  for (const std::uint64_t job : jobs) command.push_back(std::to_string(job));
  add({.command = std::move(command), .environment = {}, .done = std::move(done)}, true);
}

void SlurmCommands::live_jobs(Done<std::vector<SlurmJob>> done) {
  run({"squeue", "-h", "-a", "--me", "-o", std::string(kSlurmJobFormat)},
      [done = std::move(done)](const Result<std::string>& output) {
        done(output ? parse_slurm_jobs(*output) : tl::unexpected<Error>(output.error()));
      });
}

void SlurmCommands::jobs_named(const std::vector<std::string>& names,
                               Done<std::vector<SlurmJob>> done) {
  run({"squeue", "-h", "-a", "--me", "-t", "all", "-n", joined(names), "-o",
       std::string(kSlurmJobFormat)},
      [done = std::move(done)](const Result<std::string>& output) {
        done(output ? parse_slurm_jobs(*output) : tl::unexpected<Error>(output.error()));
      });
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

void SlurmCommands::extend(std::uint64_t job, Seconds by, Done<std::string> done) {
  run({"scontrol", "update", fmt::format("JobId={}", job),
       fmt::format("TimeLimit=+{}", minutes_of(by))},
      std::move(done));
}

void SlurmCommands::run(std::vector<std::string> command, Done<std::string> done) {
  add({.command = std::move(command), .environment = {}, .done = std::move(done)}, true);
}

void SlurmCommands::add(Call call, bool is_urgent) {
  (is_urgent ? urgent_ : waiting_).push_back(std::move(call));
  if (start_timer_ == 0)
    start_timer_ = world_.clock.call_in(Seconds(0), [this] {
      start_timer_ = 0;
      start_next();
    });
}

void SlurmCommands::start_next() {
  while (!urgent_.empty() || !waiting_.empty()) {
    if (running_.size() >= static_cast<std::size_t>(options_.most_at_once)) return;
    const Seconds now = world_.clock.now();
    const Seconds gap(1.0 / options_.most_per_second);
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

void SlurmCommands::start(Call call) {
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
  if (!process) {
    world_.clock.call_in(Seconds(0),
                         alive_.guard([this, done = std::move(call.done), error = process.error()] {
                           done(tl::unexpected<Error>(error));
                           start_next();
                         }));
    return;
  }
  const TimerId deadline =
      world_.clock.call_in(options_.deadline, [this, number] { on_deadline(number); });
  running_.emplace(number, Running{.process = *process,
                                   .program = program,
                                   .output = {},
                                   .error = {},
                                   .done = std::move(call.done),
                                   .deadline = deadline});
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
