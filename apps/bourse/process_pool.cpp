#include "apps/bourse/process_pool.h"

#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <exception>
#include <vector>

#include "apps/bourse/commands.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::size_t kLongestFailure = 400;

/// Holds these signals back for as long as it lives, so that they are taken one by one.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigemptyset(&held_);
    for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&held_, signal);
    sigprocmask(SIG_BLOCK, &held_, &before_);
  }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;
  ~SignalsHeld() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

  /// The next signal, or 0 after a fifth of a second.
  [[nodiscard]] int next() const {
    const timespec time{.tv_sec = 0, .tv_nsec = 200'000'000};
    const int signal = sigtimedwait(&held_, nullptr, &time);
    return signal > 0 ? signal : 0;
  }

 private:
  sigset_t held_{};
  sigset_t before_{};
};

/// How far each place is, where parent and children both see it.
class SharedShares {
 public:
  explicit SharedShares(std::size_t count) : bytes_(count * sizeof(std::atomic<float>)) {
    void* const memory =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory != MAP_FAILED) shares_ = static_cast<std::atomic<float>*>(memory);
  }
  SharedShares(const SharedShares&) = delete;
  SharedShares& operator=(const SharedShares&) = delete;
  ~SharedShares() {
    if (shares_ != nullptr) munmap(shares_, bytes_);
  }
  void set(std::size_t place, double share) {
    if (shares_ != nullptr) shares_[place].store(static_cast<float>(share));
  }
  [[nodiscard]] double at(std::size_t place) const {
    return shares_ == nullptr ? 0 : static_cast<double>(shares_[place].load());
  }

 private:
  std::size_t bytes_;
  std::atomic<float>* shares_ = nullptr;
};

/// A child in its place.
struct Child {
  pid_t id = 0;  ///< 0: the place is free.
  std::size_t item = 0;
  int errors = -1;  ///< Memory file that is its standard error.
};

/// What a child does; never returns.
[[noreturn]] void be_child(const ProcessPlan& plan, std::size_t item, int errors, pid_t parent,
                           const ShareDone& share_done) {
  // If the parent ends, so does the child; it may have ended before this call.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // Ctrl-C on a terminal reaches every process; the parent is the one that answers it.
  (void)std::signal(SIGINT, SIG_IGN);
  (void)std::signal(SIGTERM, SIG_DFL);
  (void)std::signal(SIGHUP, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (getppid() != parent) _exit(kExitFailure);
  if (errors >= 0) dup2(errors, STDERR_FILENO);
  int status = kExitFailure;
  try {
    status = plan.work(item, share_done);
  } catch (const std::bad_alloc&) {
    print_error("there is not enough memory");
  } catch (const std::exception& error) {
    print_error(error.what());
  }
  std::fflush(stderr);
  _exit(status);
}

/// The last line that the child printed on standard error, if any.
std::string last_line(int errors) {
  std::string text(4096, '\0');
  const off_t end = errors < 0 ? 0 : lseek(errors, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, end - static_cast<off_t>(text.size()));
  const ssize_t count = end <= 0 ? 0 : pread(errors, text.data(), text.size(), from);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  std::string_view line = trim(text);
  if (const std::size_t at = line.rfind('\n'); at != std::string_view::npos)
    line.remove_prefix(at + 1);
  if (line.starts_with("bourse: ")) line.remove_prefix(8);
  return quotable(line, kLongestFailure);
}

std::string failure_of(int status, int errors) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return "";
  const std::string line = last_line(errors);
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return fmt::format("ended by signal {} ({}){}{}", signal, sigdescr_np(signal),
                       line.empty() ? "" : ": ", line);
  }
  return line.empty() ? fmt::format("ended with exit code {}", WEXITSTATUS(status)) : line;
}

/// The places and what runs in them.
class Pool {
 public:
  explicit Pool(const ProcessPlan& plan)
      : plan_(plan),
        children_(std::min(plan.at_once, std::max<std::size_t>(plan.count, 1))),
        shares_(children_.size()) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { end_all(); }

  Result<bool> run();

 private:
  Result<void> start(std::size_t place);
  void collect(std::size_t place, int status);
  void end_all();
  [[nodiscard]] double share_done() const;
  [[nodiscard]] bool is_idle() const {
    return std::ranges::all_of(children_, [](const Child& child) { return child.id == 0; });
  }

  const ProcessPlan& plan_;
  std::vector<Child> children_;
  SharedShares shares_;
  std::size_t next_ = 0;
  std::size_t ended_ = 0;
};

Result<void> Pool::start(std::size_t place) {
  shares_.set(place, 0);
  const int errors = memfd_create("bourse-errors", MFD_CLOEXEC);
  const pid_t parent = getpid();
  std::fflush(stdout);
  std::fflush(stderr);
  const pid_t id = fork();
  if (id == 0)
    be_child(plan_, next_, errors, parent, [&](double share) { shares_.set(place, share); });
  if (id < 0) {
    const int reason = errno;
    if (errors >= 0) close(errors);
    return fail(ErrorCode::unavailable,
                fmt::format("cannot start a process: {}", std::strerror(reason)));
  }
  children_[place] = {id, next_++, errors};
  return {};
}

void Pool::collect(std::size_t place, int status) {
  Child& child = children_[place];
  const std::string failure = failure_of(status, child.errors);
  if (child.errors >= 0) close(child.errors);
  const std::size_t item = child.item;
  child = {};
  ++ended_;
  plan_.on_end(item, failure);
}

void Pool::end_all() {
  for (const Child& child : children_)
    if (child.id != 0) kill(child.id, SIGTERM);
  for (Child& child : children_) {
    if (child.id == 0) continue;
    while (waitpid(child.id, nullptr, 0) < 0 && errno == EINTR) continue;
    if (child.errors >= 0) close(child.errors);
    child = {};
  }
}

double Pool::share_done() const {
  double done = static_cast<double>(ended_);
  for (std::size_t place = 0; place < children_.size(); ++place)
    if (children_[place].id != 0) done += shares_.at(place);
  return done / static_cast<double>(std::max<std::size_t>(plan_.count, 1));
}

Result<bool> Pool::run() {
  const SignalsHeld signals;
  while (true) {
    for (std::size_t place = 0; place < children_.size(); ++place) {
      if (children_[place].id != 0 || next_ >= plan_.count) continue;
      // With another child at work there is room again when that one ends.
      if (const Result<void> started = start(place); !started && is_idle())
        return tl::unexpected<Error>(started.error());
    }
    if (is_idle()) return true;
    const int signal = signals.next();
    if (signal != 0 && signal != SIGCHLD) {
      end_all();
      return false;
    }
    for (std::size_t place = 0; place < children_.size(); ++place) {
      int status = 0;
      if (children_[place].id != 0 && waitpid(children_[place].id, &status, WNOHANG) > 0)
        collect(place, status);
    }
    plan_.on_progress(share_done());
  }
}

}  // namespace

Result<bool> run_in_processes(const ProcessPlan& plan) { return Pool(plan).run(); }

}  // namespace bourse
