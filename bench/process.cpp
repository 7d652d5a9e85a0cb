#include "bench/process.h"

#include <fmt/core.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

extern char** environ;

namespace bourse {
namespace {

Error cannot_run(const std::string& program, std::string_view why) {
  return {ErrorCode::unavailable, fmt::format("cannot run '{}': {}", program, why)};
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// Starts the program with its standard output in a pipe, whose other end is returned.
Result<std::pair<pid_t, int>> start(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0)
    return tl::unexpected<Error>(cannot_run(command[0], std::generic_category().message(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  posix_spawn_file_actions_addclose(&actions, ends[1]);
  std::vector<std::string> texts = command;
  std::vector<char*> arguments;
  for (std::string& text : texts) arguments.push_back(text.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int status =
      posix_spawn(&child, command[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (status == 0) return std::pair(child, ends[0]);
  close(ends[0]);
  return tl::unexpected<Error>(cannot_run(command[0], std::generic_category().message(status)));
}

}  // namespace

Result<ProcessOutcome> run_process(const std::vector<std::string>& command) {
  BOURSE_TRY(const auto started, start(command));
  const auto [child, end] = started;
  ProcessOutcome outcome;
  std::array<char, 65536> buffer{};
  ssize_t size = 0;
  while ((size = read(end, buffer.data(), buffer.size())) > 0)
    outcome.output.append(buffer.data(), static_cast<std::size_t>(size));
  close(end);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return tl::unexpected<Error>(cannot_run(command[0], "it did not end with exit status 0"));
  outcome.cpu_s = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  outcome.peak_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return outcome;
}

std::string own_path() {
  std::array<char, 4096> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

MachineInfo this_machine() {
  MachineInfo machine{.cpu = "unknown",
                      .cores = std::thread::hardware_concurrency(),
                      .load_before = load_average()};
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    const std::size_t at = line.find(": ");
    if (at != std::string::npos) machine.cpu = line.substr(at + 2);
    break;
  }
  return machine;
}

std::string date_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace bourse
