// The figures of the programming model, each beside a raw socket in the same run.
//   program_bench [ROUNDS]
// Prints a table: what, measured, target, met or not. Times are the best of the rounds; each round
// of small messages is a median of thousands.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/program/raw_socket.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace bourse::program {
namespace {

constexpr std::size_t kLarge = 100'000'000;
constexpr int kWarmUp = 1000;
constexpr int kEchoes = 5000;
constexpr int kLargeRepeats = 5;

struct Echo {
  Buffer large;
  std::string echo(const std::string& text) const { return text; }
  std::uint64_t put(const Buffer& buffer) const { return buffer.size(); }
  Buffer get(std::uint64_t size) {
    if (large.size() != size)
      large = Buffer::filled(
          size, [](std::span<std::byte> bytes) { std::memset(bytes.data(), 1, bytes.size()); });
    return large;
  }
  int add(int x) const { return x + 1; }
};

double microseconds_of(const std::function<void()>& work) {
  const Deadline start = now();
  work();
  return std::chrono::duration<double, std::micro>(now() - start).count();
}

/// Median of single round trips, in microseconds.
double median_of(const std::function<void()>& once) {
  for (int i = 0; i < kWarmUp; ++i) once();
  std::vector<double> times;
  for (int i = 0; i < kEchoes; ++i) times.push_back(microseconds_of(once));
  std::ranges::sort(times);
  return times[times.size() / 2];
}

/// Best of a few, in microseconds.
double best_of(const std::function<void()>& once) {
  once();
  double best = microseconds_of(once);
  for (int i = 1; i < kLargeRepeats; ++i) best = std::min(best, microseconds_of(once));
  return best;
}

void row(const std::string& what, const std::string& measured, const std::string& target,
         bool is_met) {
  fmt::print("{:<58} {:<34} {:<22} {}\n", what, measured, target, is_met ? "met" : "MISSED");
  std::fflush(stdout);
}

/// Best times of all rounds, ours beside theirs.
struct Pair {
  double ours = 1e18;
  double raw = 1e18;
  void add(double our_time, double raw_time) {
    ours = std::min(ours, our_time);
    raw = std::min(raw, raw_time);
  }
};

double calls_per_second(const Handle<Echo>& node, int outstanding, int calls) {
  const std::string text(64, 'x');
  std::deque<Future<std::string>> under_way;
  const double time = microseconds_of([&] {
    for (int i = 0; i < calls; ++i) {
      under_way.push_back(node.async<&Echo::echo>(text));
      if (under_way.size() < static_cast<std::size_t>(outstanding)) continue;
      (void)under_way.front().get();
      under_way.pop_front();
    }
    for (const auto& call : under_way) (void)call.get();
  });
  return calls / time * 1e6;
}

void bench_transport(const std::string& name, Placement placement, RawSocket* raw, int rounds) {
  Program program("bench " + name);
  const Handle<Echo> node = program.add<Echo>("echo");
  Running running = launch(program, {.placement = placement});
  if (running.is_skipped()) return;
  const std::string text(64, 'x');
  const Buffer large(std::vector<char>(kLarge, 'x'));
  Pair echo;
  Pair put;
  Pair get;
  double rate = 0;
  double slowest = 0;
  for (int round = 0; round < rounds; ++round) {
    const double raw_echo = median_of([&] { raw->echo(); });
    echo.add(median_of([&] { (void)node.call<&Echo::echo>(text); }), raw_echo);
    const double raw_put = best_of([&] { raw->put(kLarge); });
    put.add(best_of([&] { (void)node.call<&Echo::put>(large); }), raw_put);
    const double raw_get = best_of([&] { raw->get(kLarge); });
    get.add(best_of([&] { (void)node.call<&Echo::get>(kLarge); }), raw_get);
    rate = std::max(rate, calls_per_second(node, 64, 50'000));
  }
  for (std::size_t size = 64 << 10; size <= (1 << 20); size *= 2)
    for (int i = 0; i < 20; ++i) {
      const std::string block(size, 'x');
      slowest = std::max(slowest, microseconds_of([&] { (void)node.call<&Echo::echo>(block); }));
    }
  row(fmt::format("64-byte round trip, {}", name),
      fmt::format("{:.1f} us, raw {:.1f}: {:.2f} x", echo.ours, echo.raw, echo.ours / echo.raw),
      "<= 1.5 x raw", echo.ours <= 1.5 * echo.raw);
  for (const auto& [what, pair] : {std::pair("put", &put), std::pair("get", &get)})
    row(fmt::format("100 MB {}, {}", what, name),
        fmt::format("{:.2f} GB/s, raw {:.2f}: {:.0f} %", 1e-3 * kLarge / pair->ours,
                    1e-3 * kLarge / pair->raw, 100 * pair->raw / pair->ours),
        ">= 70 % of raw", pair->raw >= 0.7 * pair->ours);
  row(fmt::format("calls, 64 outstanding on one connection, {}", name),
      fmt::format("{:.0f} /s", rate), ">= 200,000 /s", rate >= 200'000);
  row(fmt::format("slowest echo of 64 KiB to 1 MiB, {}", name),
      fmt::format("{:.1f} ms", slowest / 1000), "<= 20 ms, no stalls", slowest <= 20'000);
}

void bench_memory(int rounds) {
  Program program("bench memory");
  const Handle<Echo> node = program.add<Echo>("echo");
  Running running = launch(program);
  if (running.is_skipped()) return;
  constexpr int kCalls = 200'000;
  double best = 1e18;
  for (int round = 0; round < rounds; ++round) {
    int sum = 0;
    best = std::min(best, microseconds_of([&] {
                            for (int i = 0; i < kCalls; ++i) sum = node.call<&Echo::add>(sum);
                          }) / kCalls);
  }
  row("call within the process", fmt::format("{:.3f} us", best), "<= 0.3 us", best <= 0.3);
}

/// 1,000 handles: each of 64 nodes is given about 16 of the others and calls them.
struct Peer {
  std::vector<Handle<Peer>> others;
  std::uint32_t ping() const { return 1; }
  std::uint32_t ping_others() const {
    std::vector<Future<std::uint32_t>> calls;
    for (const Handle<Peer>& other : others) calls.push_back(other.async<&Peer::ping>());
    std::uint32_t answers = 0;
    for (const auto& call : calls) answers += call.get();
    return answers;
  }
};

void bench_start() {
  constexpr std::size_t kNodes = 64;
  constexpr std::size_t kHandles = 1000;
  Program program("bench start");
  NodeGroup group = program.group("peer", {.concurrency = 4});
  std::vector<Handle<Peer>> peers;
  for (std::size_t i = 0; i < kNodes; ++i) peers.push_back(group.declare<Peer>());
  std::size_t handles = 0;
  for (std::size_t i = 0; i < kNodes; ++i) {
    Peer peer;
    for (std::size_t k = 1; k <= 16 && handles < kHandles; ++k, ++handles)
      peer.others.push_back(peers[(i + k) % kNodes]);
    program.configure(peers[i], peer);
  }
  bool is_ready = false;
  std::uint32_t answers = 0;
  double seconds = 0;
  {
    const Deadline start = now();
    Running running = launch(program, {.placement = Placement::processes});
    if (running.is_skipped()) return;
    is_ready = running.wait_until_ready(std::chrono::seconds(60));
    seconds = std::chrono::duration<double>(now() - start).count();
    for (const Handle<Peer>& peer : peers) answers += peer.call<&Peer::ping_others>();
  }
  row(fmt::format("{} handles over 64 processes: start to all ready", answers),
      fmt::format("{:.2f} s", seconds), "<= 5 s", is_ready && seconds <= 5);
}

/// Processor seconds of the compiler for a file.
double compile_seconds(const std::string& text) {
  const std::string path = "/tmp/bourse-bench-" + std::to_string(getpid()) + ".cpp";
  std::ofstream(path) << text;
  const std::string command =
      fmt::format("g++ -std=c++20 -O0 -I{} -c {} -o {}.o", BOURSE_SOURCE_DIR, path, path);
  double best = 1e18;
  for (int i = 0; i < 3; ++i) {
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_CHILDREN, &before);
    if (std::system(command.c_str()) != 0) return -1;  // NOLINT(concurrency-mt-unsafe)
    getrusage(RUSAGE_CHILDREN, &after);
    const auto seconds = [](const rusage& usage) {
      return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
             1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    };
    best = std::min(best, seconds(after) - seconds(before));
  }
  std::remove(path.c_str());
  std::remove((path + ".o").c_str());
  return best;
}

void bench_compiler() {
  const double empty = compile_seconds("#include <string>\n#include <vector>\n");
  const double full = compile_seconds(R"(#include "bourse/program/program.h"
struct Learner { int step(const std::vector<float>& x) { return int(x.size()); } };
int use(const bourse::program::Handle<Learner>& h) {
  return h.call<&Learner::step>(std::vector<float>(3));
}
)");
  if (empty < 0 || full < 0) return fmt::print("compile time: skipped, there is no g++\n");
  row("compile time of a file with one call, -O0",
      fmt::format("{:.2f} s, empty {:.2f}: + {:.2f} s", full, empty, full - empty), "<= 2 s more",
      full - empty <= 2);
}

int run(int rounds) {
  // A process of a node gets as far as its launch() and needs none of this.
  const bool is_unit = std::getenv("BOURSE_UNIT_NUMBER") != nullptr;  // NOLINT
  std::unique_ptr<RawSocket> raw_unix;
  std::unique_ptr<RawSocket> raw_tcp;
  if (!is_unit) {
    const std::string path = fmt::format("/tmp/bourse-bench-{}.sock", getpid());
    raw_unix = std::make_unique<RawSocket>("unix:" + path);
    raw_tcp = std::make_unique<RawSocket>("tcp:127.0.0.1:0");
    std::remove(path.c_str());
    fmt::print("{:<58} {:<34} {:<22}\n", "what", "measured", "target");
  }
  bench_transport("unix sockets", Placement::processes, raw_unix.get(), rounds);
  bench_transport("TCP on loopback", Placement::tcp, raw_tcp.get(), rounds);
  bench_memory(rounds);
  bench_start();
  bench_compiler();
  return 0;
}

}  // namespace
}  // namespace bourse::program

int main(int argc, char** argv) {
  return bourse::program::run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 3);
}
