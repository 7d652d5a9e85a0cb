#include "bourse/world/real_processes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/world/child_output.h"
#include "bourse/world/launch.h"
#include "bourse/world/process_children.h"
#include "bourse/world/process_table.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

Descriptor open_process(std::int32_t pid) {
  return Descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void send_signal(const Descriptor& process, int signal) {
  syscall(SYS_pidfd_send_signal, process.number(), signal, nullptr, 0);
}

ExitStatus exit_status(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status};
  return {.signal = info.si_status};
}

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Result<Pipe> make_pipe(const std::string& program) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_failure("start", program, errno);
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  fcntl(pipe.read_end.number(), F_SETFL, O_NONBLOCK);
  return pipe;
}

Result<Descriptor> open_for_child(const char* what, const std::string& path, int flags) {
  Descriptor file(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!file.is_open()) return system_failure(what, path, errno);
  return file;
}

/// Makes a named pipe, in the place of one that a crash left behind.
Result<Descriptor> make_fifo(const std::string& path) {
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode)) unlink(path.c_str());
  if (mkfifo(path.c_str(), 0600) != 0) return system_failure("make named pipe", path, errno);
  // Open for writing too, so that it is not at its end when a writer closes it.
  Descriptor end(open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (end.is_open()) return end;
  const int number = errno;
  unlink(path.c_str());
  return system_failure("open named pipe", path, number);
}

/// What a process is started with and we keep open meanwhile.
struct Streams {
  Descriptor null;
  Descriptor file;    ///< Of ProcessOptions::output_file.
  Descriptor cgroup;  ///< cgroup.procs.
  Pipe output;        ///< Without a file, if somebody listens.
  Pipe error;
  Descriptor fifo;
};

Result<Streams> open_streams(const ProcessOptions& options) {
  Streams streams;
  BOURSE_TRY(streams.null, open_for_child("open", "/dev/null", O_RDWR));
  if (!options.output_file.empty()) {
    BOURSE_TRY(streams.file,
               open_for_child("write", options.output_file, O_WRONLY | O_CREAT | O_APPEND));
  } else if (options.on_output && !options.is_detached) {
    BOURSE_TRY(streams.output, make_pipe(options.command.front()));
    BOURSE_TRY(streams.error, make_pipe(options.command.front()));
  }
  if (!options.cgroup.empty()) {
    BOURSE_TRY(streams.cgroup,
               open_for_child("join cgroup", options.cgroup + "/cgroup.procs", O_WRONLY));
  }
  if (!options.fifo.empty()) {
    BOURSE_TRY(streams.fifo, make_fifo(options.fifo));
  }
  return streams;
}

LaunchOptions launch_options(const ProcessOptions& options, const Streams& streams) {
  const auto first_open = [&](const Descriptor& pipe) {
    if (streams.file.is_open()) return streams.file.number();
    return pipe.is_open() ? pipe.number() : streams.null.number();
  };
  return {.process = &options,
          .standard_input = streams.null.number(),
          .standard_output = first_open(streams.output.write_end),
          .standard_error = first_open(streams.error.write_end),
          .cgroup_procs = streams.cgroup.number()};
}

}  // namespace

/// A process that we started and have not waited for.
class RealProcesses::Child {
 public:
  Child(EventLoop& loop, ProcessId id, Descriptor handle, ProcessOptions options, Streams streams)
      : loop_(loop), id_(id), handle_(std::move(handle)), options_(std::move(options)) {
    if (streams.output.read_end.is_open()) {
      output_.emplace(loop, std::move(streams.output.read_end), OutputStream::standard_output,
                      options_.on_output);
      error_.emplace(loop, std::move(streams.error.read_end), OutputStream::standard_error,
                     options_.on_output);
    }
    if (streams.fifo.is_open())
      fifo_.emplace(loop, std::move(streams.fifo), OutputStream::fifo, options_.on_output);
  }
  ~Child() {
    loop_.unwatch(watch_);
    if (fifo_) unlink(options_.fifo.c_str());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void watch(std::function<void(ExitStatus)> on_end) {
    watch_ =
        loop_.watch(handle_.number(), EPOLLIN, [this, on_end = std::move(on_end)](std::uint32_t) {
          siginfo_t info{};
          // Somebody else may have waited for it; how it ended is lost then.
          if (waitid(P_PID, static_cast<id_t>(id_.pid), &info, WEXITED) != 0) info = {};
          on_end(info.si_pid == 0 ? ExitStatus{.code = kLostStatus} : exit_status(info));
        });
  }

  [[nodiscard]] ProcessId id() const { return id_; }
  void signal(int signal) const { send_signal(handle_, signal); }

  /// Passes on the rest of the output, then the end.
  void finish(ExitStatus status) {
    for (std::optional<ChildOutput>* output : {&output_, &error_, &fifo_})
      if (*output) (*output)->drain();
    if (options_.on_exit) options_.on_exit(status);
  }

 private:
  static constexpr int kLostStatus = 255;

  EventLoop& loop_;
  ProcessId id_;
  Descriptor handle_;
  ProcessOptions options_;
  EventLoop::WatchId watch_ = 0;
  std::optional<ChildOutput> output_;
  std::optional<ChildOutput> error_;
  std::optional<ChildOutput> fifo_;
};

RealProcesses::RealProcesses(EventLoop& loop) : loop_(loop) {
  const std::optional<ProcessRow> row = process_row(getpid());
  BOURSE_CHECK(row.has_value());
  self_ = row->id;
}

RealProcesses::~RealProcesses() {
  if (child_signal_) prctl(PR_SET_CHILD_SUBREAPER, 0);
}

Result<ProcessId> RealProcesses::spawn(ProcessOptions options) {
  BOURSE_TRY_VOID(check_launch(options));
  BOURSE_TRY(Streams streams, open_streams(options));
  const Result<ProcessId> id = launch(launch_options(options, streams));
  if (!id && streams.fifo.is_open()) unlink(options.fifo.c_str());
  if (!id || options.is_detached) return id;
  Descriptor handle = open_process(id->pid);
  if (!handle.is_open()) {
    const int number = errno;
    kill(id->pid, SIGKILL);
    waitpid(id->pid, nullptr, 0);
    return system_failure("start", options.command.front(), number);
  }
  auto child = std::make_unique<Child>(loop_, *id, std::move(handle), std::move(options),
                                       std::move(streams));
  child->watch([this, pid = id->pid](ExitStatus status) { ended(pid, status); });
  children_.emplace(id->pid, std::move(child));
  return id;
}

void RealProcesses::ended(std::int32_t pid, ExitStatus status) {
  const auto entry = children_.find(pid);
  if (entry == children_.end()) return;
  // Taken out first: what it calls may start a process that gets the same number.
  const std::unique_ptr<Child> child = std::move(entry->second);
  children_.erase(entry);
  child->finish(status);
}

void RealProcesses::signal(ProcessId process, int signal) {
  const auto entry = children_.find(process.pid);
  if (entry != children_.end() && entry->second->id() == process)
    return entry->second->signal(signal);
  // The handle is taken before the look, so that the number cannot pass to another in between.
  const Descriptor handle = open_process(process.pid);
  if (handle.is_open() && is_alive(process)) send_signal(handle, signal);
}

bool RealProcesses::is_alive(ProcessId process) const {
  const std::optional<ProcessRow> row = process_row(process.pid);
  return row && row->id == process && row->is_alive;
}

std::vector<ProcessId> RealProcesses::descendants(ProcessId process) const {
  if (process == self_ && has_no_children()) return {};
  if (!is_alive(process)) return {};
  if (auto found = descendants_by_children(process.pid)) return *std::move(found);
  return descendants_in(all_processes(), {process});
}

std::vector<ProcessId> RealProcesses::with_variable(std::string_view variable) const {
  const std::vector<ProcessRow> table = all_processes();
  std::vector<ProcessId> found;
  for (const ProcessRow& row : table)
    if (row.is_alive && has_variable(row.id.pid, variable)) found.push_back(row.id);
  return trees_in(table, std::move(found));
}

void RealProcesses::adopt_orphans() {
  if (child_signal_) return;
  BOURSE_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  child_signal_ = std::make_unique<SignalWatch>(loop_, SIGCHLD, [this] { reap_all(); });
  loop_.mailbox()->post([this] { reap_all(); });
}

/// Waits for all that have ended, our own and the adopted.
void RealProcesses::reap_all() {
  while (true) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
    ended(info.si_pid, exit_status(info));
  }
}

}  // namespace bourse
