#include "apps/agent/warden.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <initializer_list>

#include "bourse/base/check.h"
#include "bourse/world/process_table.h"

namespace bourse {
namespace {

constexpr std::initializer_list<int> kSignalsToEnd{SIGTERM, SIGINT, SIGHUP};
constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 5'000'000};

int exit_status_of_wait(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Waits for every child that has ended; true if `child` was one of them.
bool reap(pid_t child, int& status) {
  bool was_child = false;
  int ended_with = 0;
  while (true) {
    const pid_t pid = waitpid(-1, &ended_with, WNOHANG);
    if (pid <= 0) return was_child;
    if (pid != child) continue;
    was_child = true;
    status = exit_status_of_wait(ended_with);
  }
}

/// What it started falls to us as its parents end, until we have no child.
void kill_all_children() {
  while (true) {
    pid_t pid = 0;
    while ((pid = waitpid(-1, nullptr, WNOHANG)) > 0) continue;
    if (pid < 0 && errno == ECHILD) return;
    const pid_t self = getpid();
    for (const ProcessRow& row : all_processes())
      if (row.parent == self && row.is_alive) kill(row.id.pid, SIGKILL);
    nanosleep(&kPause, nullptr);
  }
}

int wait_for(pid_t child, const sigset_t& signals) {
  int status = 0;
  while (!reap(child, status)) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal > 0 && signal != SIGCHLD) kill(child, signal);
  }
  kill_all_children();
  return status;
}

}  // namespace

Result<Warded> watch_over() {
  sigset_t signals;
  sigset_t before;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  for (const int signal : kSignalsToEnd) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, &before);
  BOURSE_CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  const auto row = process_row(getpid());
  BOURSE_CHECK(row.has_value());
  const pid_t child = fork();
  if (child < 0)
    return fail(ErrorCode::resource_exhausted,
                fmt::format("cannot make a process: {}", std::strerror(errno)));
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    return Warded{.warden = row->id};
  }
  return Warded{.is_warden = true, .status = wait_for(child, signals)};
}

}  // namespace bourse
