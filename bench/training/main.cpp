// training_bench [MEGABYTES]: a push and a pull of parameters between processes beside a raw socket
// that carries the same bytes both ways; best of seven.
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "bench/program/raw_socket.h"
#include "bourse/training/member.h"

namespace {

using bourse::training::Loaded;
using bourse::training::MemberEnvironment;
using bourse::training::ParameterServer;
using bourse::training::Peers;
using bourse::training::Push;

constexpr int kRounds = 7;

/// Seconds of the quickest round.
double best_of(const std::function<void()>& round) {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRounds; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    round();
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
  }
  return best;
}

/// A server in a process of its own, until it is killed.
[[noreturn]] void serve(const MemberEnvironment& environment) {
  Peers peers(environment.server_addresses, environment.run);
  peers.host(peers.servers()[0], std::make_shared<ParameterServer>(
                                     ParameterServer::Options{.training = {.microbatches = 1}}));
  if (!peers.serve(environment.server_addresses[0])) std::_Exit(EXIT_FAILURE);
  for (;;) pause();
}

double push_and_pull(const MemberEnvironment& environment, std::size_t parameters) {
  Peers peers(environment.server_addresses, environment.run);
  const auto& server = peers.servers()[0];
  const std::vector<float> zeros(parameters);
  server.call<&ParameterServer::load>(
      Loaded{.parameters = parameters, .values = bourse::program::Buffer(zeros)});
  // In a block of the pool, as that of a worker.
  const auto gradient =
      bourse::program::Buffer::copy_of(zeros.data(), zeros.size() * sizeof(float));
  std::int64_t step = 0;
  return best_of([&] {
    server.call<&ParameterServer::push>(
        Push{.step = step, .node = {0, 1}, .learning_rate = 0.1, .scale = 1, .gradient = gradient});
    (void)server.call<&ParameterServer::pull>(++step);
  });
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
  const std::size_t bytes = megabytes * 1'000'000;
  const std::string folder = "/tmp/bourse-training-bench-" + std::to_string(getpid());
  double raw = 0;
  {
    bourse::program::RawSocket socket("unix:" + folder + "-raw", false);
    raw = best_of([&] {
      socket.put(bytes);
      socket.get(bytes);
    });
  }
  MemberEnvironment environment;
  environment.run = "bench";
  environment.server_addresses = {"unix:" + folder + "-server"};
  const pid_t child = fork();
  if (child == 0) serve(environment);
  const double ours = push_and_pull(environment, bytes / sizeof(float));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  fmt::print("{} {:.4f} {:.4f}\n", megabytes, ours, raw);
}
