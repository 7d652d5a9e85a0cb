// The figures of the programming model, beside raw sockets and gRPC in the same run.
//   program_bench [--rounds=N] [--only=unix,tcp,memory,start,compile]
// Prints a table: what, measured, target, met or not. The ways that are compared take turns every
// few milliseconds, so that what disturbs one disturbs all; times are medians. Both
// ends of a round trip have a processor of their own, but those of gRPC, which may use all.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "bench/program/grpc_peer.h"
#include "bench/program/measure.h"
#include "bench/program/raw_socket.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace bourse::program {
namespace {

constexpr std::size_t kLarge = 100'000'000;
constexpr int kWarmUp = 2000;
constexpr int kSlices = 20;  ///< Of a round.
constexpr int kEchoes = 250;
constexpr int kGrpcEchoes = 50;
constexpr int kLargeRepeats = 5;
constexpr int kOutstanding = 64;
constexpr int kCalls = 50'000;
constexpr int kGrpcCalls = 10'000;

struct Choice {
  int rounds = 3;
  std::string only;
  [[nodiscard]] bool has(std::string_view section) const {
    return only.empty() ||
           ("," + only + ",").find(fmt::format(",{},", section)) != std::string::npos;
  }
};

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

/// A process of a node gets as far as its launch() and needs no rivals. The answer is that of the
/// start: the first launch() takes what tells it from the environment.
bool is_process_of_node() {
  static const bool is =
      std::getenv("BOURSE_UNIT_NUMBER") != nullptr;  // NOLINT(concurrency-mt-unsafe)
  return is;
}

/// The ways that are compared: a socket and nothing else, gRPC, and ours.
struct Rivals {
  std::unique_ptr<RawSocket> raw;
  std::unique_ptr<GrpcPeer> grpc;
};

/// Times of one call in all ways.
struct Compared {
  Times ours;
  Times raw;
  Times grpc;

  [[nodiscard]] std::string text(const std::string& unit, double scale) const {
    std::string text = fmt::format("{:.1f} {}, raw {:.1f}: {:.2f} x", ours.median() * scale, unit,
                                   raw.median() * scale, ours.median() / raw.median());
    if (!grpc.is_empty())
      text += fmt::format("; gRPC {:.1f}: {:.1f} x ours", grpc.median() * scale,
                          grpc.median() / ours.median());
    return text;
  }
};

double time_of_calls(const Handle<Echo>& node, int outstanding, int calls) {
  const std::string text(64, 'x');
  std::deque<Future<std::string>> under_way;
  return microseconds_of([&] {
    for (int i = 0; i < calls; ++i) {
      under_way.push_back(node.async<&Echo::echo>(text));
      if (under_way.size() < static_cast<std::size_t>(outstanding)) continue;
      (void)under_way.front().get();
      under_way.pop_front();
    }
    for (const auto& call : under_way) (void)call.get();
  });
}

Compared compare_echoes(const Handle<Echo>& node, const Rivals& rivals, int rounds) {
  const std::string text(64, 'x');
  Compared times;
  const auto ours = [&] { (void)node.call<&Echo::echo>(text); };
  const auto raw = [&] { rivals.raw->echo(); };
  for (int i = 0; i < kWarmUp; ++i) {
    ours();
    raw();
  }
  if (rivals.grpc->is_there()) (void)rivals.grpc->ask(fmt::format("echo {}", kWarmUp));
  for (int slice = 0; slice < rounds * kSlices; ++slice) {
    for (int i = 0; i < kEchoes; ++i) times.raw.add(microseconds_of(raw));
    for (int i = 0; i < kEchoes; ++i) times.ours.add(microseconds_of(ours));
    if (rivals.grpc->is_there())
      times.grpc.add(rivals.grpc->ask(fmt::format("echo {}", kGrpcEchoes)));
  }
  return times;
}

Compared compare_large(const Handle<Echo>& node, const Rivals& rivals, int rounds, bool is_put) {
  const Buffer large(std::vector<char>(kLarge, 'x'));
  Compared times;
  const auto ours = [&] {
    if (is_put)
      (void)node.call<&Echo::put>(large);
    else
      (void)node.call<&Echo::get>(kLarge);
  };
  const auto raw = [&] { is_put ? rivals.raw->put(kLarge) : rivals.raw->get(kLarge); };
  ours();
  raw();
  for (int i = 0; i < rounds * kLargeRepeats; ++i) {
    times.raw.add(microseconds_of(raw));
    times.ours.add(microseconds_of(ours));
    if (rivals.grpc->is_there() && i < rounds)
      times.grpc.add(rivals.grpc->ask(is_put ? "put 1" : "get 1"));
  }
  return times;
}

void bench_calls_in_flight(const Handle<Echo>& node, const Rivals& rivals, const std::string& name,
                           int rounds) {
  Times ours;
  Times grpc;
  for (int round = 0; round < rounds; ++round) {
    ours.add(time_of_calls(node, kOutstanding, kCalls) / kCalls);
    if (rivals.grpc->is_there())
      grpc.add(rivals.grpc->ask(fmt::format("rate {} {}", kGrpcCalls, kOutstanding)).at(0) /
               kGrpcCalls);
  }
  std::string text = fmt::format("{:.0f} /s", 1e6 / ours.median());
  if (!grpc.is_empty()) text += fmt::format("; gRPC {:.0f} /s", 1e6 / grpc.median());
  row(fmt::format("calls, {} outstanding, one connection, {}", kOutstanding, name), text,
      ">= 200,000 /s", ours.median() <= 5);
}

void bench_echoes(const std::string& name, Placement placement, const Rivals& rivals, int rounds) {
  const OneProcessor pinned(is_process_of_node() ? 1 : 0);
  Program program("bench echoes by " + name);
  const Handle<Echo> node = program.add<Echo>("echo");
  Running running = launch(program, {.placement = placement});
  if (running.is_skipped()) return;
  const Compared echo = compare_echoes(node, rivals, rounds);
  row(fmt::format("64-byte round trip, {}", name), echo.text("us", 1), "<= 1.5 x raw",
      echo.ours.median() <= 1.5 * echo.raw.median());
  if (echo.grpc.is_empty())
    fmt::print("{:<50} gRPC is not there\n", "the same against gRPC, " + name);
  else
    row(fmt::format("the same against gRPC, {}", name),
        fmt::format("{:.1f} x faster", echo.grpc.median() / echo.ours.median()), ">= 5 x faster",
        echo.grpc.median() >= 5 * echo.ours.median());
}

void bench_throughput(const std::string& name, Placement placement, const Rivals& rivals,
                      int rounds) {
  Program program("bench throughput by " + name);
  const Handle<Echo> node = program.add<Echo>("echo");
  Running running = launch(program, {.placement = placement});
  if (running.is_skipped()) return;
  for (const bool is_put : {true, false}) {
    const Compared large = compare_large(node, rivals, rounds, is_put);
    row(fmt::format("100 MB {}, {}", is_put ? "put" : "get", name),
        fmt::format("{} ({:.2f} GB/s, {:.0f} %)", large.text("ms", 1e-3),
                    1e-3 * kLarge / large.ours.median(),
                    100 * large.raw.median() / large.ours.median()),
        ">= 70 % of raw", large.raw.median() >= 0.7 * large.ours.median());
  }
  bench_calls_in_flight(node, rivals, name, rounds);
  Times blocks;
  double slowest = 0;
  for (std::size_t size = 64 << 10; size <= (1 << 20); size *= 2) {
    const std::string block(size, 'x');
    (void)node.call<&Echo::echo>(block);  // memory of this size is new to both processes
    for (int i = 0; i < 20; ++i) {
      const double time = microseconds_of([&] { (void)node.call<&Echo::echo>(block); });
      slowest = std::max(slowest, time);
      blocks.add(time);
    }
  }
  row(fmt::format("echoes of 64 KiB to 1 MiB, {}", name),
      fmt::format("median {:.2f} ms, slowest {:.1f} ms", blocks.median() / 1000, slowest / 1000),
      "<= 20 ms, no stalls", slowest <= 20'000);
}

void bench_memory(int rounds) {
  Program program("bench memory");
  const Handle<Echo> node = program.add<Echo>("echo");
  Running running = launch(program);
  if (running.is_skipped()) return;
  constexpr int kInMemory = 200'000;
  Times times;
  for (int round = 0; round < 3 * rounds; ++round) {
    int sum = 0;
    times.add(microseconds_of([&] {
                for (int i = 0; i < kInMemory; ++i) sum = node.call<&Echo::add>(sum);
              }) /
              kInMemory);
  }
  row("call within the process", fmt::format("{:.3f} us", times.median()), "<= 0.3 us",
      times.median() <= 0.3);
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

void bench_start(int rounds) {
  constexpr std::size_t kNodes = 64;
  constexpr std::size_t kHandles = 1000;
  Times times;
  std::uint32_t answers = 0;
  bool is_ready = true;
  for (int round = 0; round < rounds; ++round) {
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
    const Deadline start = now();
    Running running = launch(program, {.placement = Placement::processes});
    if (running.is_skipped()) continue;
    is_ready = running.wait_until_ready(std::chrono::seconds(60)) && is_ready;
    times.add(std::chrono::duration<double>(now() - start).count());
    answers = 0;
    for (const Handle<Peer>& peer : peers) answers += peer.call<&Peer::ping_others>();
  }
  if (times.is_empty()) return;
  row(fmt::format("{} handles over 64 processes, start to all ready", answers),
      fmt::format("{:.2f} s", times.median()), "<= 5 s", is_ready && times.median() <= 5);
}

double seconds_of(const rusage& usage) {
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/// Processor seconds of the compiler for a file; -1 if it does not compile.
double compile_seconds(const std::string& text) {
  const std::string path = "/tmp/bourse-bench-" + std::to_string(getpid()) + ".cpp";
  std::ofstream(path) << text;
  const std::string command =
      fmt::format("g++ -std=c++20 -O0 -I{} -c {} -o {}.o", BOURSE_SOURCE_DIR, path, path);
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_CHILDREN, &before);
  const bool is_fine = std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe)
  getrusage(RUSAGE_CHILDREN, &after);
  std::remove(path.c_str());
  std::remove((path + ".o").c_str());
  return is_fine ? seconds_of(after) - seconds_of(before) : -1;
}

void bench_compiler(int rounds) {
  Times empty;
  Times full;
  for (int round = 0; round < rounds; ++round) {
    empty.add(compile_seconds("#include <string>\n#include <vector>\n"));
    full.add(compile_seconds(R"(#include "bourse/program/program.h"
struct Learner { int step(const std::vector<float>& x) { return int(x.size()); } };
int use(const bourse::program::Handle<Learner>& h) {
  return h.call<&Learner::step>(std::vector<float>(3));
}
)"));
  }
  if (empty.best() < 0 || full.best() < 0)
    return fmt::print("compile time: skipped, there is no g++\n");
  row("compile time of a file with one call, -O0",
      fmt::format("{:.2f} s, empty {:.2f}: + {:.2f} s", full.median(), empty.median(),
                  full.median() - empty.median()),
      "<= 2 s more", full.median() - empty.median() <= 2);
}

Choice choice_of(int argc, char** argv) {
  Choice choice;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--rounds=")) choice.rounds = std::max(1, std::atoi(argv[i] + 9));
    if (argument.starts_with("--only=")) choice.only = argument.substr(7);
  }
  return choice;
}

Rivals rivals_by(const std::string& scheme, bool is_pinned) {
  if (is_process_of_node()) return {};
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string path = fmt::format("/tmp/bourse-bench-{}.sock", getpid());
  const bool is_unix = scheme == "unix";
  Rivals rivals;
  rivals.raw = std::make_unique<RawSocket>(is_unix ? "unix:" + path : "tcp:127.0.0.1:0", is_pinned);
  rivals.grpc = std::make_unique<GrpcPeer>(
      here / "program_bench_grpc",
      is_unix ? "unix:" + path + ".grpc" : fmt::format("127.0.0.1:{}", 20'000 + getpid() % 20'000));
  std::remove(path.c_str());
  return rivals;
}

int run(const Choice& choice) {
  if (!is_process_of_node())
    fmt::print("{:<50} {:<60} {:<24}\n", "what", "measured, medians", "target");
  for (const auto& [scheme, name, placement] :
       {std::tuple("unix", "unix sockets", Placement::processes),
        std::tuple("tcp", "TCP on loopback", Placement::tcp)}) {
    if (!choice.has(scheme)) continue;
    bench_echoes(name, placement, rivals_by(scheme, true), choice.rounds);
    bench_throughput(name, placement, rivals_by(scheme, false), choice.rounds);
  }
  if (choice.has("memory")) bench_memory(choice.rounds);
  if (choice.has("start")) bench_start(choice.rounds);
  if (choice.has("compile")) bench_compiler(choice.rounds);
  return 0;
}

}  // namespace
}  // namespace bourse::program

int main(int argc, char** argv) {
  return bourse::program::run(bourse::program::choice_of(argc, argv));
}
