#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/program/stop_signals.h"
#include "bourse/program/unit_launcher.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/process_table.h"

namespace bourse::program {
namespace {

constexpr const char* kWardenVariable = "BOURSE_WARDEN";
constexpr std::string_view kThisProgram = "/proc/self/exe";

/// What a warden is told: whom to outlive, and what to end then.
struct WardenOrder {
  ProcessId launcher;
  std::string run;
  std::string folder;
};

std::string text_of(const WardenOrder& order) {
  return fmt::format("{}={}:{}:{}:{}", kWardenVariable, order.launcher.pid, order.launcher.started,
                     order.run, order.folder);
}

std::optional<WardenOrder> parse_warden_order(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() != 4) return std::nullopt;
  WardenOrder order{.launcher = {}, .run = std::string(parts[2]), .folder = std::string(parts[3])};
  std::from_chars(parts[0].data(), parts[0].data() + parts[0].size(), order.launcher.pid);
  std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), order.launcher.started);
  return order;
}

void wait_for_end(ProcessId process) {
  const Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  const auto row = process_row(process.pid);
  if (!handle.is_open() || !row || row->id != process) return;
  pollfd ended{.fd = handle.number(), .events = POLLIN, .revents = 0};
  while (poll(&ended, 1, -1) <= 0) continue;
}

/// Kills all processes of a run, and what descends from them; true if there was none.
bool kill_run(const std::string& run) {
  const std::vector<ProcessRow> table = all_processes();
  std::vector<ProcessId> roots;
  for (const ProcessRow& row : table)
    if (row.is_alive && row.id.pid != getpid() && has_variable(row.id.pid, run))
      roots.push_back(row.id);
  for (const ProcessId& process : trees_in(table, roots))
    if (process.pid != getpid()) ::kill(process.pid, SIGKILL);
  return roots.empty();
}

/// Waits for the end of the launcher, then ends what it has left. Never returns.
[[noreturn]] void be_warden(const WardenOrder& order) {
  constexpr int kRounds = 100;
  constexpr useconds_t kPause = 10'000;
  wait_for_end(order.launcher);
  int rounds_without = 0;
  for (int round = 0; round < kRounds && rounds_without < 3; ++round) {
    rounds_without = kill_run(order.run) ? rounds_without + 1 : 0;
    usleep(kPause);
  }
  std::error_code ignored;
  std::filesystem::remove_all(order.folder, ignored);
  std::_Exit(EXIT_SUCCESS);
}

/// A warden is this very program, which is there in any case; it never gets as far as main().
__attribute__((constructor)) void become_warden_if_told() {
  const char* const told = std::getenv(kWardenVariable);  // NOLINT(concurrency-mt-unsafe)
  if (told == nullptr) return;
  if (const auto order = parse_warden_order(told)) be_warden(*order);
  std::_Exit(EXIT_FAILURE);
}

std::vector<std::string> environment_here() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    variables.emplace_back(*variable);
  return variables;
}

std::string path_of_this_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink(kThisProgram, error);
  return error ? std::string(kThisProgram) : path.string();
}

}  // namespace

std::vector<std::string> arguments_of(const RunOptions& options) {
  if (!options.arguments.empty()) return options.arguments;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(file, argument, '\0');) arguments.push_back(argument);
  if (!arguments.empty()) arguments.erase(arguments.begin());
  return arguments;
}

LocalLauncher::LocalLauncher(World& world, std::string folder, Asking asking, Events events)
    : world_(world),
      folder_(std::move(folder)),
      asking_(asking),
      events_(std::move(events)),
      run_("BOURSE_RUN=" + random_token()) {
  start_warden();
}

LocalLauncher::~LocalLauncher() {
  for (const auto& [unit, process] : processes_) world_.processes.signal(process, SIGKILL);
}

/// Without a warden only what the processes themselves start may be left behind.
void LocalLauncher::start_warden() {
  const WardenOrder order{.launcher = world_.processes.self(), .run = run_, .folder = folder_};
  ProcessOptions options{.command = {path_of_this_program()}, .environment = environment_here()};
  options.environment.push_back(text_of(order));
  options.on_exit = [this](ExitStatus) {
    warden_ = {};
    if (on_cleaned_up_) on_cleaned_up_();
  };
  if (const auto warden = world_.processes.spawn(std::move(options))) warden_ = *warden;
}

Result<void> LocalLauncher::start(const UnitStart& start) {
  const std::uint32_t unit = start.order.unit;
  ProcessOptions options;
  options.command = {path_of_this_program()};
  options.command.insert(options.command.end(), start.arguments.begin(), start.arguments.end());
  options.environment = environment_here();
  for (std::string& variable : environment_of(start.order))
    options.environment.push_back(std::move(variable));
  options.environment.push_back(run_);
  options.dies_with_us = true;
  options.on_output = [this, unit](OutputStream stream, std::string_view text) {
    events_.on_output(unit, stream, text);
  };
  options.on_exit = [this, unit](ExitStatus status) { ended(unit, status); };
  BOURSE_TRY(const ProcessId process, world_.processes.spawn(std::move(options)));
  processes_[unit] = process;
  return {};
}

void LocalLauncher::ended(std::uint32_t unit, ExitStatus status) {
  constexpr Seconds kMoment{0.2};
  processes_.erase(unit);
  const bool was_asked = asked_.erase(unit) > 0;
  const bool is_orderly = status.is_success() || status.signal == SIGTERM;
  if (asking_ == Asking::alone || was_asked || !is_orderly) return events_.on_end(unit, status);
  world_.clock.call_in(kMoment, [this, unit, status] { events_.on_end(unit, status); });
}

void LocalLauncher::signal(std::uint32_t unit, int signal) {
  const auto process = processes_.find(unit);
  if (process != processes_.end()) world_.processes.signal(process->second, signal);
}

void LocalLauncher::ask(std::uint32_t unit) {
  if (processes_.contains(unit)) asked_.insert(unit);
  signal(unit, SIGTERM);
}

void LocalLauncher::kill(std::uint32_t unit) { signal(unit, SIGKILL); }

void LocalLauncher::clean_up(std::function<void()> on_done) {
  for (const ProcessId& process : world_.processes.with_variable(run_))
    world_.processes.signal(process, SIGKILL);
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  if (warden_.pid == 0) return on_done();
  on_cleaned_up_ = std::move(on_done);
  world_.processes.signal(warden_, SIGKILL);
}

}  // namespace bourse::program
