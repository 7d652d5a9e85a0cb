// SPDX-License-Identifier: GPL-2.0-or-later, with the exception for OpenSSL in LICENSE
//
// bourse-slurm-helper asks Slurm through libslurm, for a daemon that may not link it: a line of
// JSON in, a line of JSON out (README.md). It stands on nothing of bourse.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "apps/slurm_helper/slurm_calls.h"

namespace slurm_helper {
namespace {

using Json = nlohmann::json;

constexpr int kProtocol = 2;
constexpr int kThreads = 8;  ///< Requests at once; without slurmctld each takes many seconds.
constexpr std::size_t kLongestLine = std::size_t{16} << 20;

/// Both ends of the talk. Lines are written whole, by any thread.
class Talk {
 public:
  Talk(int input, int output) : input_(input), output_(output) {}

  /// Bytes that are not UTF-8, as in names that others gave, become the replacement character.
  void say(const Json& json) {
    const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t done = 0; done < line.size();) {
      const ssize_t wrote = write(output_, line.data() + done, line.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) _exit(0);  // Nobody listens any more.
      done += static_cast<std::size_t>(wrote);
    }
  }

  /// The next line; false at the end.
  bool hear(std::string& line) {
    for (;;) {
      const std::size_t end = heard_.find('\n');
      if (end != std::string::npos) {
        line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        return true;
      }
      char bytes[65536];
      const ssize_t got = read(input_, bytes, sizeof bytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0 || heard_.size() > kLongestLine) return false;
      heard_.append(bytes, static_cast<std::size_t>(got));
    }
  }

 private:
  int input_;
  int output_;
  std::string heard_;
  std::mutex mutex_;
};

/// The answer to a line; exceptions are those of nlohmann for what is no request.
Json answer_to(const std::string& line) {
  Json id;
  Json answer;
  try {
    const Json request = Json::parse(line);
    id = request.at("id");
    answer = carry_out(request);
  } catch (const std::exception& error) {
    answer = {{"error", std::string("this is no request: ") + error.what()}};
  }
  answer["id"] = id;
  return answer;
}

/// Requests wait here for a thread.
class Workers {
 public:
  explicit Workers(Talk& talk) {
    for (int i = 0; i < kThreads; ++i)
      std::thread([this, &talk] {
        for (;;) talk.say(answer_to(take()));
      }).detach();
  }
  void add(std::string line) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      lines_.push_back(std::move(line));
    }
    has_some_.notify_one();
  }

 private:
  std::string take() {
    std::unique_lock<std::mutex> lock(mutex_);
    has_some_.wait(lock, [this] { return !lines_.empty(); });
    std::string line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }

  std::mutex mutex_;
  std::condition_variable has_some_;
  std::deque<std::string> lines_;
};

/// slurmctld pushes what happens to nodes with our jobs; the others are looked at, less often where
/// there are many.
void watch_nodes(Talk& talk) {
  std::string known;
  std::size_t count = 0;
  for (;;) {
    std::string states = node_states(count);
    if (!states.empty()) {
      if (!known.empty() && states != known) talk.say({{"event", "nodes"}});
      known = std::move(states);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1000 + 10 * count));
  }
}

/// A connection to the unix socket at this path; -1: nobody is there.
int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): so says the interface of sockets.
  if (connect(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return -1;
  return socket_fd;
}

int fail(const std::string& why) {
  std::fprintf(stderr, "bourse-slurm-helper: %s\n", why.c_str());
  return 1;
}

int run(const std::vector<std::string>& arguments) {
  std::string host = "localhost";
  int input = STDIN_FILENO;
  int output = STDOUT_FILENO;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const bool has_value = i + 1 < arguments.size();
    if (arguments[i] == "--version") {
      std::printf("bourse-slurm-helper, protocol %d, Slurm %s\n", kProtocol,
                  library_version().c_str());
      return 0;
    }
    if (arguments[i] == "--host" && has_value) {
      host = arguments[i + 1];
    } else if (arguments[i] == "--socket" && has_value) {
      input = output = connect_to(arguments[i + 1]);
      if (input < 0) return fail("nobody listens at '" + arguments[i + 1] + "'");
    } else {
      fail("usage: bourse-slurm-helper [--socket PATH] [--host NAME] | --version");
      return 2;
    }
  }
  Talk talk(input, output);
  const std::string trouble = begin(
      host, {.job_ended = [&](std::uint32_t job) { talk.say({{"event", "job"}, {"job", job}}); },
             .nodes_changed = [&] { talk.say({{"event", "nodes"}}); }});
  if (!trouble.empty()) return fail(trouble);
  talk.say(
      {{"hello", "bourse-slurm-helper"}, {"protocol", kProtocol}, {"slurm", library_version()}});
  Workers workers(talk);
  std::thread([&talk] { watch_nodes(talk); }).detach();
  std::string line;
  while (talk.hear(line))
    if (!line.empty()) workers.add(line);
  // Its threads may be waiting for slurmctld; nobody waits for them.
  _exit(0);
}

}  // namespace
}  // namespace slurm_helper

int main(int argc, char** argv) { return slurm_helper::run({argv + 1, argv + argc}); }
