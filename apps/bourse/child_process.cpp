#include "apps/bourse/child_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

/// How long a program whose input has been closed may take to end by itself.
constexpr int kGraceMs = 500;

/// What the supervisor tells us.
struct Report {
  int exec_error = 0;   ///< errno if the program could not be run.
  int wait_status = 0;  ///< As of waitpid.
};

// From here to `supervise` everything runs between fork and exec of a process with threads: only
// what is safe in a signal handler.

/// Kills the children that stand in /proc now. False if it cannot be read.
bool kill_children() {
  const int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  std::array<char, 4096> text{};
  pid_t pid = 0;
  while (true) {
    const ssize_t size = read(file, text.data(), text.size());
    if (size <= 0) break;
    for (const char c : std::string_view(text.data(), static_cast<std::size_t>(size))) {
      if (c >= '0' && c <= '9') {
        pid = pid * 10 + (c - '0');
        continue;
      }
      if (pid > 0) kill(pid, SIGKILL);
      pid = 0;
    }
  }
  close(file);
  return true;
}

/// Kills all descendants: those whose parent dies become children of this process.
void kill_descendants(pid_t group) {
  while (true) {
    if (!kill_children()) kill(-group, SIGKILL);
    if (waitpid(-1, nullptr, 0) < 0 && errno == ECHILD) return;
  }
}

[[noreturn]] void supervise(pid_t program, int control, int report) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, program, 0));
  std::array<pollfd, 2> ends{pollfd{control, POLLIN, 0}, pollfd{handle, POLLIN, 0}};
  while (true) {
    poll(ends.data(), ends.size(), -1);
    if (ends[1].revents != 0) {
      Report told;
      waitpid(program, &told.wait_status, 0);
      (void)!write(report, &told, sizeof told);
      close(report);
      ends[1] = {-1, 0, 0};
    }
    if (ends[0].revents != 0) break;
  }
  kill_descendants(program);
  _exit(0);
}

[[noreturn]] void become(char* const* arguments, int report) {
  setpgid(0, 0);
  execvp(arguments[0], arguments);
  Report told{.exec_error = errno};
  (void)!write(report, &told, sizeof told);
  _exit(127);
}

/// The new process: descriptors 0 input, 1 output, 3 control, 4 report; no others but standard
/// error.
[[noreturn]] void run_supervisor(char* const* arguments, const std::array<int, 4>& ends) {
  setpgid(0, 0);  // Ctrl-C is for bourse; its end is ours.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::array<int, 4> high{};
  for (std::size_t i = 0; i < ends.size(); ++i) high[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 64);
  dup2(high[0], 0);
  dup2(high[1], 1);
  dup3(high[2], 3, O_CLOEXEC);
  dup3(high[3], 4, O_CLOEXEC);
  close_range(5, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const pid_t program = fork();
  if (program == 0) become(arguments, 4);
  if (program < 0) {
    const Report told{.exec_error = errno};
    (void)!write(4, &told, sizeof told);
    _exit(1);
  }
  close(0);
  close(1);
  signal(SIGPIPE, SIG_IGN);
  supervise(program, 3, 4);
}

void close_all(std::array<int, 2>& ends) {
  for (int& end : ends)
    if (end >= 0) close(std::exchange(end, -1));
}

/// Milliseconds until `until`, rounded up, at least 0.
int ms_left(double until) {
  return static_cast<int>(std::clamp((until - monotonic_seconds()) * 1000 + 1, 0.0, 1e9));
}

Error exec_failure(int number) {
  const ErrorCode code = number == ENOENT ? ErrorCode::not_found : ErrorCode::failed_precondition;
  return {code, fmt::format("the program cannot be run: {}", std::strerror(number))};
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::vector<std::string>& command) {
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> input{-1, -1};
  std::array<int, 2> output{-1, -1};
  std::array<int, 2> control{-1, -1};
  std::array<int, 2> report{-1, -1};
  const bool has_ends = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input.data()) == 0 &&
                        pipe2(output.data(), O_CLOEXEC) == 0 &&
                        pipe2(control.data(), O_CLOEXEC) == 0 &&
                        pipe2(report.data(), O_CLOEXEC) == 0;
  const pid_t pid = has_ends ? fork() : -1;
  if (pid == 0) run_supervisor(arguments.data(), {input[1], output[1], control[0], report[1]});
  const int number = errno;
  if (pid < 0) {
    for (auto* ends : {&input, &output, &control, &report}) close_all(*ends);
    return fail(ErrorCode::unavailable,
                fmt::format("cannot start '{}': {}", quotable(command[0]), std::strerror(number)));
  }
  close(input[1]);
  close(output[1]);
  close(control[0]);
  close(report[1]);
  std::unique_ptr<ChildProcess> child(new ChildProcess);
  child->supervisor_ = pid;
  child->input_ = input[0];
  child->output_ = output[0];
  child->control_ = control[1];
  child->report_ = report[0];
  return child;
}

ChildProcess::~ChildProcess() {
  shutdown(input_, SHUT_RDWR);
  pollfd over{report_, POLLIN, 0};
  poll(&over, 1, kGraceMs);
  close(control_);
  while (waitpid(supervisor_, nullptr, 0) < 0 && errno == EINTR) {
  }
  close(input_);
  close(output_);
  close(report_);
}

/// One of its ends has closed; the report tells why, or comes soon.
Error ChildProcess::how_it_ended(std::string_view closed) const {
  pollfd told{report_, POLLIN, 0};
  Report report;
  if (poll(&told, 1, kGraceMs) <= 0 || read(report_, &report, sizeof report) != sizeof report)
    return {ErrorCode::unavailable, fmt::format("it closed its {}", closed)};
  if (report.exec_error != 0) return exec_failure(report.exec_error);
  if (WIFSIGNALED(report.wait_status))
    return {ErrorCode::unavailable,
            fmt::format("it was ended by signal {}", WTERMSIG(report.wait_status))};
  return {ErrorCode::unavailable,
          fmt::format("it ended with status {}", WEXITSTATUS(report.wait_status))};
}

void ChildProcess::tell(std::string_view line) const {
  (void)!send(input_, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Result<std::string> ChildProcess::exchange(std::string_view line, Seconds limit,
                                           std::size_t max_bytes) {
  const double until = monotonic_seconds() + limit.value;
  std::size_t scanned = 0;
  while (true) {
    const std::size_t end = unread_.find('\n', scanned);
    if (line.empty() && end != std::string::npos) {
      std::string answer = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return answer;
    }
    scanned = line.empty() ? unread_.size() : 0;
    if (unread_.size() > max_bytes)
      return fail(ErrorCode::resource_exhausted,
                  fmt::format("its answer is longer than {} bytes", max_bytes));
    std::array<pollfd, 2> ends{pollfd{output_, POLLIN, 0},
                               pollfd{line.empty() ? -1 : input_, POLLOUT, 0}};
    if (poll(ends.data(), ends.size(), ms_left(until)) == 0)
      return fail(ErrorCode::deadline_exceeded,
                  fmt::format("it gave no answer within {}", to_text(limit)));
    if (ends[0].revents != 0) {
      std::array<char, 65536> bytes;
      const ssize_t size = read(output_, bytes.data(), bytes.size());
      if (size == 0) return tl::unexpected<Error>(how_it_ended("output"));
      if (size > 0) unread_.append(bytes.data(), static_cast<std::size_t>(size));
    }
    if (!line.empty() && ends[1].revents != 0) {
      const ssize_t size = send(input_, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size > 0) line.remove_prefix(static_cast<std::size_t>(size));
      if (size < 0 && errno != EAGAIN && errno != EINTR)
        return tl::unexpected<Error>(how_it_ended("input"));
    }
  }
}

}  // namespace bourse
