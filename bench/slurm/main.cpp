// How the engine does on a real Slurm: `bench/slurm/run` starts one and calls this.
//   slurm_bench AGENT HELPER|none boundary|reconcile|row [CELLS] [ROUNDS]
// Prints a figure a line: {"case", "figure", "value", "unit"}, as JSON.
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/check.h"
#include "bourse/engine/slurm_engine.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Processor time that this machine has used since it started, by whatever runs on it.
double machine_seconds() {
  std::ifstream stat("/proc/stat");
  std::string name;
  double user = 0;
  double nice = 0;
  double system = 0;
  stat >> name >> user >> nice >> system;
  return (user + nice + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// The boundary of a slot, in seconds.
struct Boundary {
  double took = 0;   ///< From the first word to the last start.
  double ended = 0;  ///< Until all old cells had ended.
  double processors = 0;
};

/// An engine that is asked by nobody but the bench.
class Bench final : public EngineListener {
 public:
  Bench(const std::string& agent, const std::string& helper, Seconds poll) {
    char name[] = "/tmp/bourse-slurm-bench.XXXXXX";
    BOURSE_CHECK(mkdtemp(name) != nullptr);
    directory_ = name;
    std::vector<std::string> environment;
    for (char** variable = environ; *variable != nullptr; ++variable)
      environment.emplace_back(*variable);
    SlurmEngineOptions options;
    options.state_directory = directory_;
    options.commands.environment = slurm_environment(environment);
    options.agent_command = {agent};
    options.agents_host = options.listen_host = "127.0.0.1";
    options.poll = poll;
    if (helper != "none") options.helper = helper;
    options.patience = Seconds(3600);
    options.log = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
    SlurmCommands commands(real_.world(), options.commands);
    Result<std::vector<SlurmNode>> nodes = std::vector<SlurmNode>{};
    discover_nodes(commands, {}, [&](Result<std::vector<SlurmNode>> found) {
      nodes = std::move(found);
      real_.stop();
    });
    real_.run();
    BOURSE_CHECK(nodes.has_value());
    auto engine = SlurmEngine::open(real_.world(), std::move(options), *std::move(nodes));
    BOURSE_CHECK(engine.has_value());
    slurm = *std::move(engine);
    slurm->listen(*this);
    slurm->adopted_all();
    run_for(Seconds(1));  // The helper says who it is.
  }
  ~Bench() override {
    slurm.reset();
    (void)real_.world().files.remove(directory_);
  }

  void on_cell(const CellEvent& event) override {
    if (event.kind == CellEventKind::started) running.insert(event.cell);
    if (event.number != 0) slurm->acknowledge(event.cell, event.number);
    if (event.kind == CellEventKind::ended) {
      running.erase(event.cell);
      ++ended[event.end];
      if (on_end) on_end(event.cell);
    }
    real_.stop();
  }
  void on_machine(MachineId, bool, const std::string&) override {}

  double now() { return real_.world().clock.now().value; }
  std::size_t machines() const { return slurm->cluster().machines.size(); }

  void start(CellId id, std::vector<std::string> command) {
    const std::string directory = directory_ + "/cells/" + text_of(id);
    slurm->start({.id = id,
                  .token = "token",
                  .directory = directory,
                  .demand = {1000},
                  .tasks = {{.command = std::move(command),
                             .environment = {"PATH=/usr/bin:/bin"},
                             .log_file = directory + "/worker-0.log"}}});
  }
  void run_until(const std::function<bool()>& condition) {
    while (!condition()) real_.run();
  }
  void run_for(Seconds time) {
    real_.world().clock.call_in(time, [this] { real_.stop(); });
    const double end = now() + time.value;
    while (now() < end) real_.run();
  }
  CellId place(std::uint64_t job, std::uint32_t epoch) const {
    return {.job = job, .epoch = epoch, .machine = MachineId((job + epoch) % machines())};
  }

  /// All cells end, and run in their next epoch, each on another machine.
  Boundary change_all(int cells) {
    const std::vector<std::string> sleep{"sleep", "1000"};
    const auto count = static_cast<std::size_t>(cells);
    for (int i = 0; i < cells; ++i) start(place(++last_job, 1), sleep);
    run_until([&] { return running.size() == count; });
    run_for(Seconds(2));
    const std::set<CellId> old = running;
    const double before = now();
    const double used_before = machine_seconds();
    Boundary boundary;
    on_end = [&](CellId id) {
      if (id.epoch != 1) return;
      boundary.ended = now() - before;
      start(place(id.job, 2), sleep);
    };
    for (const CellId id : old) slurm->stop(id, false);
    run_until([&] {
      return running.size() == count &&
             std::ranges::all_of(running, [](CellId id) { return id.epoch == 2; });
    });
    boundary.took = now() - before;
    boundary.processors = machine_seconds() - used_before;
    on_end = nullptr;
    for (const CellId id : std::set<CellId>(running)) slurm->stop(id, true);
    run_until([this] { return running.empty() && slurm->cells().empty(); });
    return boundary;
  }

  std::map<CellEnd, int> ended;
  std::set<CellId> running;
  std::function<void(CellId)> on_end;
  std::unique_ptr<SlurmEngine> slurm;
  std::uint64_t last_job = 0;

 private:
  RealWorld real_;
  std::string directory_;
};

void figure(const std::string& name, std::string_view what, double value, std::string_view unit) {
  fmt::print("{{\"case\": \"{}\", \"figure\": \"{}\", \"value\": {:.4g}, \"unit\": \"{}\"}}\n",
             name, what, value, unit);
}

void bench_boundary(Bench& bench, const std::string& by, int cells, int rounds) {
  std::vector<Boundary> all;
  for (int i = 0; i < rounds; ++i) all.push_back(bench.change_all(cells));
  const std::string name =
      fmt::format("{} cells change on {} nodes, by {}", cells, bench.machines(), by);
  const auto median = [&](double Boundary::* part) {
    std::ranges::sort(all, {}, part);
    return all[all.size() / 2].*part;
  };
  figure(name, "of it until the old ones ended", median(&Boundary::ended), "s");
  figure(name, "processor time of the machine", median(&Boundary::processors), "s");
  figure(name, "median", median(&Boundary::took), "s");
  figure(name, "least", all.front().took, "s");
  figure(name, "most", all.back().took, "s");
}

/// Cells that queue, as more than fit are asked for; what a poll takes of us and of the commands.
void bench_reconcile(Bench& bench, const std::string& by, int cells, int rounds) {
  for (int i = 0; i < cells; ++i) bench.start(bench.place(++bench.last_job, 1), {"sleep", "1000"});
  const auto polls_to = [&](std::uint64_t number) {
    while (bench.slurm->polls() < number) bench.run_for(Seconds(0.05));
  };
  bench.run_for(Seconds(cells * 0.03 + 5));  // Until all are submitted.
  polls_to(bench.slurm->polls() + 1);
  const double self = cpu_seconds(RUSAGE_SELF);
  const double children = cpu_seconds(RUSAGE_CHILDREN);
  const std::uint64_t first = bench.slurm->polls();
  polls_to(first + static_cast<std::uint64_t>(rounds));
  bench.run_for(Seconds(0.5));
  const std::string name =
      fmt::format("reconciliation of {} cells, by {}", bench.slurm->cells().size(), by);
  figure(name, "our processor time", (cpu_seconds(RUSAGE_SELF) - self) / rounds * 1e3, "ms");
  figure(name, "that of squeue and sinfo", (cpu_seconds(RUSAGE_CHILDREN) - children) / rounds * 1e3,
         "ms");
}

/// Cells that end by themselves, each followed by another one.
void bench_row(Bench& bench, const std::string& by, int cells) {
  constexpr int kAtOnce = 16;
  int asked = 0;
  const auto next = [&](CellId) {
    if (asked < cells) bench.start(bench.place(static_cast<std::uint64_t>(++asked), 1), {"true"});
  };
  bench.on_end = next;
  const double before = bench.now();
  for (int i = 0; i < kAtOnce; ++i) next({});
  bench.run_until([&] { return asked == cells && bench.slurm->cells().empty(); });
  const std::string name = fmt::format("{} cells in a row, by {}", cells, by);
  figure(name, "completed", bench.ended[CellEnd::completed], "");
  figure(name, "lost or failed", bench.ended[CellEnd::lost] + bench.ended[CellEnd::failed], "");
  figure(name, "took", bench.now() - before, "s");
}

int run(const std::vector<std::string>& arguments) {
  const std::string& what = arguments[2];
  const auto number = [&](std::size_t at, int otherwise) {
    return at < arguments.size() ? std::atoi(arguments[at].c_str()) : otherwise;
  };
  const std::string by = arguments[1] == "none" ? "commands" : "helper";
  Bench bench(arguments[0], arguments[1], what == "reconcile" ? Seconds(2) : Seconds(1));
  if (what == "boundary")
    bench_boundary(bench, by, number(3, 24), number(4, 9));
  else if (what == "reconcile")
    bench_reconcile(bench, by, number(3, 2000), number(4, 5));
  else
    bench_row(bench, by, number(3, 1000));
  bench.run_for(Seconds(2));  // What has just ended is let go.
  return 0;
}

}  // namespace
}  // namespace bourse

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr,
               "usage: slurm_bench AGENT HELPER|none boundary|reconcile|row [CELLS] [ROUNDS]\n");
    return 2;
  }
  return bourse::run({argv + 1, argv + argc});
}
