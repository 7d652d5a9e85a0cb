#include "bourse/world/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/process_table.h"
#include "bourse/world/system_error.h"

namespace bourse {
namespace {

/// What the new process tells before it runs its program.
enum class Step : std::uint8_t { stat, fork, cgroup, limit, cpus, directory, descriptors, execute };

constexpr std::size_t kStackSize = 64 << 10;

struct Report {
  Step step = Step::stat;
  int error = 0;        ///< errno; 0 for `stat`.
  char stat[512] = {};  ///< Its line of /proc, for `stat`.
};

/// Everything the new process needs, made before it is there: it may not allocate.
struct Plan {
  LaunchOptions options;
  std::vector<std::string> candidates;  ///< Paths to try, in order.
  std::vector<char*> arguments;
  std::vector<char*> environment;
  cpu_set_t cpus{};
  pid_t parent = 0;
  int report = -1;  ///< Written by the new process; closes when it runs its program.
  std::unique_ptr<std::byte[]> stacks;  ///< For it, after one for a process that it makes.
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  // execve() takes them as not const for old times' sake and leaves them alone.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> candidates_of(const ProcessOptions& process) {
  const std::string& program = process.command.front();
  if (program.find('/') != std::string::npos) return {program};
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& variable : process.environment)
    if (variable.starts_with("PATH=")) path = std::string_view(variable).substr(5);
  std::vector<std::string> candidates;
  for (const std::string_view directory : split(path, ':'))
    candidates.push_back(directory.empty() ? program : fmt::format("{}/{}", directory, program));
  return candidates;
}

void tell(const Plan& plan, const Report& report) {
  (void)!write(plan.report, &report, sizeof report);
}

[[noreturn]] void give_up(const Plan& plan, Step step) {
  tell(plan, {.step = step, .error = errno});
  _exit(127);
}

/// Signals as a fresh process has them: no handler of ours may run on the borrowed memory.
void reset_signals() {
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &usual, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void set_limits(const Plan& plan) {
  const ProcessOptions& process = *plan.options.process;
  if (plan.options.cgroup_procs >= 0 && write(plan.options.cgroup_procs, "0", 1) != 1)
    give_up(plan, Step::cgroup);
  if (process.memory_limit > 0) {
    const rlimit limit{process.memory_limit, process.memory_limit};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) give_up(plan, Step::limit);
  }
  if (!process.cpus.empty() && sched_setaffinity(0, sizeof plan.cpus, &plan.cpus) != 0)
    give_up(plan, Step::cpus);
  if (!process.directory.empty() && chdir(process.directory.c_str()) != 0)
    give_up(plan, Step::directory);
}

void set_descriptors(const Plan& plan) {
  if (dup2(plan.options.standard_input, STDIN_FILENO) < 0 ||
      dup2(plan.options.standard_output, STDOUT_FILENO) < 0 ||
      dup2(plan.options.standard_error, STDERR_FILENO) < 0 ||
      close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    give_up(plan, Step::descriptors);
}

[[noreturn]] void execute(const Plan& plan) {
  int error = ENOENT;
  for (const std::string& candidate : plan.candidates) {
    execve(candidate.c_str(), plan.arguments.data(), plan.environment.data());
    if (errno == ENOENT || errno == ENOTDIR) continue;
    error = errno;
    if (errno != EACCES) break;
  }
  errno = error;
  give_up(plan, Step::execute);
}

/// In the new process: everything up to its program.
[[noreturn]] void become_program(const Plan& plan) {
  setsid();
  if (plan.options.process->dies_with_us) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Our parent may have died before it could be tied to us.
    if (getppid() != plan.parent) _exit(127);
  }
  set_limits(plan);
  set_descriptors(plan);
  reset_signals();
  execute(plan);
}

/// A detached process says who it is, as nobody waits for it.
void tell_stat(const Plan& plan) {
  Report report;
  const int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  const ssize_t size = file < 0 ? -1 : read(file, report.stat, sizeof report.stat - 1);
  if (file >= 0) close(file);
  if (size <= 0) give_up(plan, Step::stat);
  tell(plan, report);
}

#if defined(__SANITIZE_THREAD__)
#define BOURSE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define BOURSE_THREAD_SANITIZER 1
#endif
#endif

/// Makes a process that runs on our memory, and on a stack of its own, until it runs its program or
/// ends; waits for that, as vfork() does. Returns as fork().
pid_t make_process(int (*main)(void*), Plan& plan, std::byte* stack) {
#if defined(BOURSE_THREAD_SANITIZER)
  // The thread sanitizer keeps its own books in that memory, and knows fork() only.
  (void)stack;
  const pid_t pid = fork();
  if (pid == 0) _exit(main(&plan));
  return pid;
#endif
  return clone(main, stack + kStackSize, CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
}

int run_program(void* plan) { become_program(*static_cast<const Plan*>(plan)); }

int run_detached_program(void* pointer) {
  const Plan& plan = *static_cast<const Plan*>(pointer);
  tell_stat(plan);
  become_program(plan);
}

/// The process between us and a detached one, which ends at once.
int make_detached(void* pointer) {
  Plan& plan = *static_cast<Plan*>(pointer);
  if (make_process(run_detached_program, plan, plan.stacks.get()) < 0) give_up(plan, Step::fork);
  _exit(0);
}

/// Lets no signal handler run while the new process is on our memory.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

std::string reason_of_execute(int error) {
  switch (error) {
    case ENOENT:
      return "no such program, or its interpreter is missing";
    case EACCES:
      return "it may not be executed";
    case ENOEXEC:
      return "it is neither a program nor a script that begins with '#!'";
    default:
      return strerrordesc_np(error);
  }
}

Error error_of(const Plan& plan, const Report& report) {
  const ProcessOptions& process = *plan.options.process;
  const std::string start = fmt::format("cannot start '{}'", quotable(process.command[0], 200));
  const char* const reason = strerrordesc_np(report.error);
  const ErrorCode code = code_of_errno(report.error);
  switch (report.step) {
    case Step::execute:
      return {code == ErrorCode::unavailable ? ErrorCode::failed_precondition : code,
              fmt::format("{}: {}", start, reason_of_execute(report.error))};
    case Step::directory:
      return {code, fmt::format("{} in directory '{}': {}", start, quotable(process.directory, 200),
                                reason)};
    case Step::cgroup:
      return {ErrorCode::failed_precondition,
              fmt::format("{} in cgroup '{}': {}", start, quotable(process.cgroup, 200), reason)};
    case Step::cpus:
      return {ErrorCode::failed_precondition,
              fmt::format("{} on the processors asked for: {}", start, reason)};
    case Step::limit:
      return {ErrorCode::failed_precondition,
              fmt::format("{} with a memory limit: {}", start, reason)};
    default:
      return {ErrorCode::resource_exhausted, fmt::format("{}: {}", start, reason)};
  }
}

/// Reads what the new process told until it ran its program or gave up.
Result<ProcessId> read_reports(const Plan& plan, int pipe, pid_t pid) {
  std::optional<ProcessRow> row;
  Report report;
  while (true) {
    const ssize_t size = read(pipe, &report, sizeof report);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof report) break;
    if (report.error != 0) return tl::unexpected<Error>(error_of(plan, report));
    row = parse_process_stat(report.stat);
  }
  if (!plan.options.process->is_detached) row = process_row(pid);
  if (row) return row->id;
  return fail(ErrorCode::unavailable, fmt::format("cannot start '{}': /proc does not show it",
                                                  quotable(plan.candidates[0], 200)));
}

}  // namespace

Result<void> check_launch(const ProcessOptions& process) {
  if (process.command.empty() || process.command[0].empty())
    return invalid("cannot start a process: its command is empty");
  const auto has_null = [](const std::string& text) {
    return text.find('\0') != std::string::npos;
  };
  if (std::ranges::any_of(process.command, has_null) ||
      std::ranges::any_of(process.environment, has_null))
    return invalid(fmt::format("cannot start '{}': a zero byte in an argument or variable",
                               quotable(process.command[0], 200)));
  for (const int cpu : process.cpus)
    if (cpu < 0 || cpu >= CPU_SETSIZE)
      return invalid(fmt::format("cannot start '{}': {} is no number of a processor",
                                 quotable(process.command[0], 200), cpu));
  if (process.is_detached && (process.dies_with_us || !process.fifo.empty()))
    return invalid(
        fmt::format("cannot start '{}': a detached process neither dies with us nor "
                    "has a named pipe",
                    quotable(process.command[0], 200)));
  return {};
}

Result<ProcessId> launch(const LaunchOptions& options) {
  const ProcessOptions& process = *options.process;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_failure("start", process.command[0], errno);
  const Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  Plan plan{.options = options,
            .candidates = candidates_of(process),
            .arguments = pointers_to(process.command),
            .environment = pointers_to(process.environment),
            .parent = getpid(),
            .report = write_end.number(),
            .stacks = std::make_unique_for_overwrite<std::byte[]>(2 * kStackSize)};
  CPU_ZERO(&plan.cpus);
  for (const int cpu : process.cpus) CPU_SET(static_cast<std::size_t>(cpu), &plan.cpus);
  pid_t pid = -1;
  {
    const AllSignalsBlocked blocked;
    pid = make_process(process.is_detached ? make_detached : run_program, plan,
                       plan.stacks.get() + kStackSize);
  }
  if (pid < 0)
    return fail(ErrorCode::resource_exhausted,
                fmt::format("cannot start '{}': {}", quotable(process.command[0], 200),
                            strerrordesc_np(errno)));
  write_end.reset();
  Result<ProcessId> id = read_reports(plan, read_end.number(), pid);
  if (!id || process.is_detached)
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return id;
}

}  // namespace bourse
