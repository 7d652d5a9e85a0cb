#include "bourse/world/simulated_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/world/launch.h"

namespace bourse {
namespace {

constexpr std::int32_t kFirstPid = 1;

/// Signals that do nothing to a process that has not asked for them. Stopping is not simulated.
bool is_harmless(int signal) {
  constexpr int kHarmless[] = {0,       SIGCHLD, SIGCONT, SIGURG, SIGWINCH,
                               SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
  return std::ranges::find(kHarmless, signal) != std::end(kHarmless);
}

}  // namespace

SimulatedHost::SimulatedHost(SimulatedGround& ground, std::string name, std::uint64_t number)
    : ground_(ground),
      name_(std::move(name)),
      number_(number),
      disk_(RandomStream(ground.options.seed, Purpose::disk, number)),
      unix_offset_(ground.options.unix_start),
      random_(ground.options.seed, Purpose::process, number) {
  disk_.set_fault_probability(ground.options.disk_fault_probability);
  start();
}

SimulatedHost::~SimulatedHost() {
  for (const auto& [pid, process] : processes_) *process->life_ = false;
}

World& SimulatedHost::world() {
  BOURSE_CHECK(is_up_);
  return processes_.at(kFirstPid)->world();
}

void SimulatedHost::start() {
  BOURSE_CHECK(!is_up_);
  is_up_ = true;
  last_pid_ = 0;
  ground_.network.set_up(name_, true);
  (void)add(0, {});
}

void SimulatedHost::crash() {
  if (!is_up_) return;
  is_up_ = false;
  ground_.network.set_up(name_, false);
  for (const auto& [pid, process] : processes_) {
    *process->life_ = false;
    ground_.network.process_died(process->life_, true);
  }
  ground_.schedule.after(Seconds(0), [dead = std::exchange(processes_, {})] {});
  locks_.clear();
  fifos_.clear();
  disk_.crash();
}

void SimulatedHost::kill(ProcessId process) { end(process, {.signal = SIGKILL}); }

std::vector<ProcessId> SimulatedHost::processes() const {
  std::vector<ProcessId> ids;
  for (const auto& [pid, process] : processes_)
    if (pid != kFirstPid) ids.push_back(process->id_);
  return ids;
}

SimulatedProcess* SimulatedHost::find(ProcessId id) const {
  const auto entry = processes_.find(id.pid);
  return entry != processes_.end() && entry->second->id_ == id ? entry->second.get() : nullptr;
}

std::vector<ProcessRow> SimulatedHost::table() const {
  std::vector<ProcessRow> rows;
  for (const auto& [pid, process] : processes_)
    rows.push_back({.id = process->id_, .parent = process->parent_});
  return rows;
}

SimulatedProcess& SimulatedHost::add(std::int32_t parent, ProcessOptions options) {
  const ProcessId id{.pid = ++last_pid_, .started = ground_.last_started += 10};
  const auto process = std::make_shared<SimulatedProcess>(*this, id, parent, std::move(options));
  processes_.emplace(id.pid, process);
  return *process;
}

/// Everything that can go wrong before there is a process.
Result<void> SimulatedHost::prepare(const ProcessOptions& options) {
  BOURSE_TRY_VOID(check_launch(options));
  const std::string program = quotable(options.command[0], 200);
  if (!ground_.programs.contains(options.command[0]))
    return fail(
        ErrorCode::not_found,
        fmt::format("cannot start '{}': no such program, or its interpreter is missing", program));
  if (!options.directory.empty() && !disk_.is_directory(options.directory))
    return fail(ErrorCode::not_found,
                fmt::format("cannot start '{}' in directory '{}': No such file or directory",
                            program, quotable(options.directory, 200)));
  if (!options.output_file.empty()) {
    BOURSE_TRY_VOID(disk_.find_or_make("write", options.output_file));
  }
  if (options.fifo.empty()) return {};
  if (disk_.is_special(options.fifo)) {
    BOURSE_TRY_VOID(disk_.remove(options.fifo));
  }
  return disk_.make_special(options.fifo);
}

Result<ProcessId> SimulatedHost::spawn(SimulatedProcess& parent, ProcessOptions options) {
  BOURSE_TRY_VOID(prepare(options));
  // A fault of the disk may have killed the one who asks.
  if (!*parent.life_)
    return fail(ErrorCode::unavailable, "cannot start a process: this one is dead");
  const bool is_detached = options.is_detached;
  SimulatedProcess& child =
      add(is_detached ? adopter_of(parent.id_.pid) : parent.id_.pid, std::move(options));
  if (!is_detached) child.spawner_ = parent.life_;
  if (!child.options_.fifo.empty()) fifos_[child.options_.fifo] = child.id_;
  const Seconds start(random_.uniform() * ground_.options.start_max.value);
  ground_.schedule.at(ground_.schedule.now() + start, child.life_, [this, &child] {
    child.state_ = ground_.programs.at(child.options_.command[0])(child);
  });
  return child.id_;
}

void SimulatedHost::signal(ProcessId id, int signal) {
  const SimulatedProcess* const process = find(id);
  if (!process || id.pid == kFirstPid) return;
  ground_.schedule.at(ground_.schedule.now(), process->life_, [this, id, signal] {
    const auto& callbacks = find(id)->signal_callbacks_;
    const auto callback = callbacks.find(signal);
    if (signal != SIGKILL && callback != callbacks.end()) {
      const std::function<void()> call = callback->second;
      return call();
    }
    if (!is_harmless(signal)) end(id, {.signal = signal});
  });
}

void SimulatedHost::end(ProcessId id, ExitStatus status, bool is_silent) {
  const auto entry = processes_.find(id.pid);
  if (entry == processes_.end() || entry->second->id_ != id || id.pid == kFirstPid) return;
  const ProcessPointer process = entry->second;
  processes_.erase(entry);
  *process->life_ = false;
  ground_.network.process_died(process->life_, is_silent);
  leave_children(*process);
  if (!process->options_.fifo.empty()) {
    fifos_.erase(process->options_.fifo);
    (void)disk_.remove(process->options_.fifo);
  }
  SimulatedSchedule& schedule = ground_.schedule;
  if (process->spawner_ && process->options_.on_exit)
    schedule.at(schedule.now(), process->spawner_,
                [on_exit = process->options_.on_exit, status] { on_exit(status); });
  // It may be running just now: destroyed when it has returned.
  schedule.at(schedule.now(), [process] { process->state_.reset(); });
}

/// Children of a process that has ended die with it or get another parent.
void SimulatedHost::leave_children(const SimulatedProcess& parent) {
  std::vector<ProcessId> dying;
  for (const auto& [pid, child] : processes_) {
    if (child->parent_ != parent.id_.pid) continue;
    if (child->options_.dies_with_us) dying.push_back(child->id_);
    child->parent_ = adopter_of(parent.parent_);
  }
  for (const ProcessId child : dying) end(child, {.signal = SIGKILL});
}

/// The nearest of the process and its parents that adopts; 0, which is no process, if none does.
std::int32_t SimulatedHost::adopter_of(std::int32_t pid) const {
  for (auto entry = processes_.find(pid); entry != processes_.end();
       entry = processes_.find(entry->second->parent_))
    if (entry->second->is_subreaper_) return entry->first;
  return 0;
}

void SimulatedHost::write(SimulatedProcess& process, OutputStream stream, std::string_view bytes) {
  const ProcessOptions& options = process.options_;
  if (stream != OutputStream::fifo && !options.output_file.empty()) {
    // As for a real program that does not look: what cannot be written is lost.
    if (const auto file = disk_.find_or_make("write", options.output_file))
      (void)disk_.write_at(options.output_file, **file, (*file)->bytes.size(), bytes);
    return;
  }
  if (!process.spawner_ || !options.on_output) return;
  while (!bytes.empty()) {
    const auto size =
        static_cast<std::size_t>(random_.integer(1, static_cast<std::int64_t>(bytes.size())));
    ground_.schedule.at(ground_.schedule.now(), process.spawner_,
                        [on_output = options.on_output, stream,
                         piece = std::string(bytes.substr(0, size))] { on_output(stream, piece); });
    bytes.remove_prefix(size);
  }
}

void SimulatedHost::write_to_fifo(const std::string& path, std::string_view bytes) {
  const auto entry = fifos_.find(path);
  if (entry == fifos_.end()) return;
  if (SimulatedProcess* const owner = find(entry->second)) write(*owner, OutputStream::fifo, bytes);
}

}  // namespace bourse
