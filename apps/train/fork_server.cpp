#include "apps/train/fork_server.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "bourse/world/descriptor.h"
#include "bourse/world/process_table.h"

namespace bourse {
namespace {

constexpr int kFailed = 1;

struct Order {
  std::string task;
  std::vector<std::string> environment;  ///< "NAME=value".
};

std::optional<Order> parse_order(std::string_view line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("task") || !json.contains("environment"))
    return std::nullopt;
  return Order{.task = json["task"].get<std::string>(),
               .environment = json["environment"].get<std::vector<std::string>>()};
}

Descriptor connect_to(const std::string& path) {
  Descriptor end(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!end.is_open() || path.size() >= sizeof address.sun_path) return {};
  path.copy(address.sun_path, path.size());
  const auto* const any = reinterpret_cast<const sockaddr*>(&address);
  if (connect(end.number(), any, sizeof address) != 0) return {};
  return end;
}

bool has_one_thread() {
  std::error_code error;
  const std::filesystem::directory_iterator tasks("/proc/self/task", error);
  return !error && std::distance(begin(tasks), end(tasks)) == 1;
}

class ForkServer {
 public:
  ForkServer(Descriptor orders, char** argv)
      : orders_(std::move(orders)), argv_(argv), self_(getpid()) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, &signals_before_);
    ends_ = Descriptor(signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  /// Nothing: this is a process that it has forked.
  std::optional<int> run() {
    while (true) {
      pollfd watched[] = {{.fd = orders_.number(), .events = POLLIN, .revents = 0},
                          {.fd = ends_.number(), .events = POLLIN, .revents = 0}};
      if (poll(watched, 2, -1) < 0 && errno != EINTR) return kFailed;
      if (watched[1].revents != 0) tell_ends();
      if (watched[0].revents == 0) continue;
      char bytes[4096];
      const ssize_t size = read(orders_.number(), bytes, sizeof bytes);
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return 0;  // Nobody wants any more; all that live die with us.
      rest_.append(bytes, static_cast<std::size_t>(size));
      if (!obey_all()) return std::nullopt;
    }
  }

 private:
  /// False in a process that was forked.
  bool obey_all() {
    for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
      const std::optional<Order> order = parse_order(std::string_view(rest_).substr(0, end));
      rest_.erase(0, end + 1);
      if (order && !obey(*order)) return false;
    }
    return true;
  }

  bool obey(const Order& order) {
    const bool may_go_on = has_one_thread();
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      become(order, may_go_on);
      return false;
    }
    if (pid < 0) {
      tell({{"task", order.task}, {"code", kFailed}, {"signal", 0}});
      return true;
    }
    tasks_[pid] = order.task;
    const auto row = process_row(pid);
    tell({{"task", order.task}, {"pid", pid}, {"started", row ? row->id.started : 0}});
    return true;
  }

  /// In the new process.
  void become(const Order& order, bool may_go_on) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != self_) _exit(kFailed);
    orders_.reset();
    ends_.reset();
    sigprocmask(SIG_SETMASK, &signals_before_, nullptr);
    // NOLINTBEGIN(concurrency-mt-unsafe): this process has one thread.
    unsetenv(kForksVariable);
    for (const std::string& variable : order.environment)
      if (const std::size_t equals = variable.find('='); equals != std::string::npos)
        setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1);
    // NOLINTEND(concurrency-mt-unsafe)
    prctl(PR_SET_NAME, order.task.c_str());
    if (may_go_on) return;
    execv("/proc/self/exe", argv_);
    _exit(kFailed);
  }

  void tell_ends() {
    signalfd_siginfo told;
    while (read(ends_.number(), &told, sizeof told) == sizeof told) continue;
    while (true) {
      siginfo_t info{};
      if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
      const auto task = tasks_.find(info.si_pid);
      if (task == tasks_.end()) continue;
      const bool has_returned = info.si_code == CLD_EXITED;
      tell({{"task", task->second},
            {"code", has_returned ? info.si_status : 0},
            {"signal", has_returned ? 0 : info.si_status}});
      tasks_.erase(task);
    }
  }

  void tell(const nlohmann::json& json) {
    const std::string line = json.dump() + "\n";
    for (std::size_t sent = 0; sent < line.size();) {
      const ssize_t size =
          send(orders_.number(), line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return;  // Seen by who reads.
      sent += static_cast<std::size_t>(size);
    }
  }

  Descriptor orders_;
  Descriptor ends_;  ///< Readable when a process that we forked has ended.
  char** const argv_;
  const pid_t self_;
  sigset_t signals_before_{};
  std::string rest_;  ///< Of an order that is not whole yet.
  std::map<pid_t, std::string> tasks_;
};

}  // namespace

std::optional<int> serve_forks(const std::string& socket_path, char** argv) {
  Descriptor orders = connect_to(socket_path);
  if (!orders.is_open()) {
    fmt::print(stderr, "bourse-train: nobody gives orders at {}\n", socket_path);
    return kFailed;
  }
  return ForkServer(std::move(orders), argv).run();
}

}  // namespace bourse
