#include "bench/real_daemon.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

extern char** environ;

namespace bourse {

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double quantile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

Sample ms(const std::string& metric, double value) { return {metric, "ms", Better::lower, value}; }

httplib::Client client_of(const std::string& state) {
  httplib::Client client(state + "/socket");
  client.set_address_family(AF_UNIX);
  client.set_default_headers({{"Host", "localhost"}});
  client.set_keep_alive(true);
  client.set_read_timeout(60);
  return client;
}

Result<std::unique_ptr<RealDaemon>> RealDaemon::start(const std::string& program,
                                                      const std::string& machines) {
  auto daemon = std::unique_ptr<RealDaemon>(new RealDaemon(program, machines));
  BOURSE_TRY_VOID(daemon->run());
  return daemon;
}

Result<void> RealDaemon::run() {
  const std::string& state = directory_.path();
  std::vector<std::string> texts{program_,  "serve", "--machines", machines_,
                                 "--state", state,   "--no-tcp"};
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (state + "/serve.log").c_str(),
                                   O_CREAT | O_WRONLY | O_APPEND, 0600);
  const int status =
      posix_spawn(&pid_, program_.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (status != 0) return fail(ErrorCode::unavailable, fmt::format("cannot run '{}'", program_));
  httplib::Client client = client_of(state);
  for (int i = 0; i < 3000; ++i) {
    if (const auto ready = client.Get("/readyz"); ready && ready->status == 200) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return fail(ErrorCode::unavailable, fmt::format("'{} serve' does not answer", program_));
}

Result<void> RealDaemon::kill_and_restart() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
  return run();
}

std::uint64_t RealDaemon::memory() const {
  std::ifstream file(fmt::format("/proc/{}/statm", pid_));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

RealDaemon::~RealDaemon() {
  if (pid_ == 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

}  // namespace bourse
