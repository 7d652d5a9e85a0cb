// SPDX-License-Identifier: GPL-2.0-or-later, with the exception for OpenSSL in LICENSE
//
// What Slurm itself needs for the boundary of a slot, without bourse: plain batch jobs of one GPU
// on nodes n1 to nN end, and as many others begin on the next node. bench/slurm/run calls it.
//   boundary_floor JOBS NODES ROUNDS
// Prints a figure a line, as slurm_bench does.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "apps/slurm_helper/slurm_calls.h"

namespace slurm_helper {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "boundary_floor: %s\n", why.c_str());
  std::exit(1);
}

Json ask(const Json& request) {
  Json answer = carry_out(request);
  if (answer.contains("error")) die(answer["error"].get<std::string>());
  return answer;
}

/// Calls work(0) to work(count - 1), eight at a time.
void in_parallel(int count, const std::function<void(int)>& work) {
  std::atomic<int> next = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < std::min(count, 8); ++t)
    threads.emplace_back([&] {
      for (int i = next++; i < count; i = next++) work(i);
    });
  for (std::thread& thread : threads) thread.join();
}

/// Jobs that write a byte to a pipe when they run, and sleep.
class Jobs {
 public:
  Jobs(int count, int nodes) : count_(count), nodes_(nodes) {
    char name[] = "/tmp/bourse-floor.XXXXXX";
    if (mkdtemp(name) == nullptr) die("there is no room in /tmp");
    pipe_ = std::string(name) + "/started";
    if (mkfifo(pipe_.c_str(), 0600) != 0) die("cannot make " + pipe_);
    started_ = open(pipe_.c_str(), O_RDWR | O_CLOEXEC);
  }
  ~Jobs() {
    close(started_);
    unlink(pipe_.c_str());
    rmdir(pipe_.substr(0, pipe_.rfind('/')).c_str());
  }
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  /// Each on the next node but `shift`; their numbers.
  [[nodiscard]] std::vector<std::uint32_t> submit(int shift) const {
    std::vector<std::uint32_t> jobs(static_cast<std::size_t>(count_));
    in_parallel(count_, [&](int i) {
      const Json answer = ask({{"do", "submit"},
                               {"name", "floor"},
                               {"node", "n" + std::to_string((i + shift) % nodes_ + 1)},
                               {"cpus", 1},
                               {"memory_mib", 1024},
                               {"gres", {{"gpu", 1}}},
                               {"minutes", 10},
                               {"output", "/dev/null"},
                               {"script", "#!/bin/sh\necho >" + pipe_ + "\nexec sleep 1000\n"},
                               {"environment", Json::array({"PATH=/usr/bin:/bin"})}});
      jobs[static_cast<std::size_t>(i)] = answer.at("job").get<std::uint32_t>();
    });
    return jobs;
  }
  static void end(const std::vector<std::uint32_t>& jobs) {
    in_parallel(static_cast<int>(jobs.size()), [&](int i) {
      ask({{"do", "complete"}, {"job", jobs[static_cast<std::size_t>(i)]}});
    });
  }
  void await_all() const {
    char byte = 0;
    for (int i = 0; i < count_; ++i)
      if (read(started_, &byte, 1) != 1) die("cannot read " + pipe_);
  }

 private:
  int count_;
  int nodes_;
  std::string pipe_;
  int started_ = -1;
};

/// Seconds from the first call until all successors run. They are queued first, which is faster.
double change_all(const Jobs& jobs) {
  const std::vector<std::uint32_t> old = jobs.submit(0);
  jobs.await_all();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const Clock::time_point before = Clock::now();
  const std::vector<std::uint32_t> next = jobs.submit(1);
  Jobs::end(old);
  jobs.await_all();
  const std::chrono::duration<double> took = Clock::now() - before;
  Jobs::end(next);
  std::this_thread::sleep_for(std::chrono::seconds(3));
  return took.count();
}

int run(int count, int nodes, int rounds) {
  const std::string trouble =
      begin("localhost", {.job_ended = [](std::uint32_t) {}, .nodes_changed = [] {}});
  if (!trouble.empty()) die(trouble);
  const Jobs jobs(count, nodes);
  std::vector<double> seconds;
  for (int i = 0; i < rounds; ++i) seconds.push_back(change_all(jobs));
  std::sort(seconds.begin(), seconds.end());
  const auto figure = [&](const char* what, double value) {
    std::printf(
        "{\"case\": \"%d plain jobs change on %d nodes, by libslurm without bourse\", \"figure\": "
        "\"%s\", \"value\": %.4g, \"unit\": \"s\"}\n",
        count, nodes, what, value);
  };
  figure("median", seconds[seconds.size() / 2]);
  figure("least", seconds.front());
  figure("most", seconds.back());
  return 0;
}

}  // namespace
}  // namespace slurm_helper

int main(int argc, char** argv) {
  const auto number = [&](int at) { return argc == 4 ? std::atoi(argv[at]) : 0; };
  if (number(1) <= 0 || number(2) <= 0 || number(3) <= 0) {
    std::fprintf(stderr, "usage: boundary_floor JOBS NODES ROUNDS\n");
    return 2;
  }
  return slurm_helper::run(number(1), number(2), number(3));
}
