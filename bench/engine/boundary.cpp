// How fast the local engine starts one cell, and how fast it changes many: real agents, real tasks.
//   engine_bench AGENT [CELLS] [ROUNDS]
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bourse/base/check.h"
#include "bourse/engine/local_engine.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

/// Replaces cells by those of the next epoch, as a service does at the boundary of a slot.
class Boundary final : public EngineListener {
 public:
  Boundary(const std::string& program, int cells) : cells_(cells) {
    std::string name = std::filesystem::temp_directory_path() / "bourse-engine-bench.XXXXXX";
    BOURSE_CHECK(mkdtemp(name.data()) != nullptr);
    directory_ = name;
    auto engine = LocalEngine::open(
        real_.world(), {.machines = parse_cluster_short_form(fmt::format("{}x8", cells)).value(),
                        .state_directory = directory_,
                        .agent_command = {program}});
    BOURSE_CHECK(engine.has_value());
    engine_ = *std::move(engine);
    engine_->listen(*this);
  }
  ~Boundary() override {
    engine_.reset();
    BOURSE_CHECK(real_.world().files.remove(directory_).has_value());
  }

  /// Seconds until one cell runs.
  double start_one() {
    const double before = now();
    start(++job_, 1);
    run_until([this] { return running_.size() == 1; });
    const double took = now() - before;
    end_all();
    return took;
  }

  /// Seconds until all cells run in their next epoch.
  double change_all() {
    for (int i = 0; i < cells_; ++i) start(++job_, 1);
    run_until([this] { return running_.size() == static_cast<std::size_t>(cells_); });
    const std::set<CellId> old = running_;
    const double before = now();
    is_replacing_ = true;
    for (const CellId id : old) engine_->stop(id, false);
    run_until([&] {
      return running_.size() == static_cast<std::size_t>(cells_) && running_.begin()->epoch == 2 &&
             std::ranges::all_of(running_, [](CellId id) { return id.epoch == 2; });
    });
    is_replacing_ = false;
    const double took = now() - before;
    end_all();
    return took;
  }

  void on_cell(const CellEvent& event) override {
    if (event.kind == CellEventKind::started) running_.insert(event.cell);
    engine_->acknowledge(event.cell, event.number);
    if (event.kind == CellEventKind::ended) {
      running_.erase(event.cell);
      if (is_replacing_) start(event.cell.job, event.cell.epoch + 1);
    }
    real_.stop();
  }
  void on_machine(MachineId, bool, const std::string&) override {}

 private:
  double now() { return real_.world().clock.now().value; }

  void start(std::uint64_t job, std::uint32_t epoch) {
    const CellId id{
        .job = job, .epoch = epoch, .machine = MachineId(job % static_cast<std::uint64_t>(cells_))};
    const std::string directory = directory_ + "/cells/" + text_of(id);
    engine_->start({.id = id,
                    .token = "proved-token",
                    .directory = directory,
                    .demand = {1000},
                    .tasks = {{.command = {"sleep", "1000"},
                               .environment = {"PATH=/usr/bin:/bin"},
                               .log_file = directory + "/worker-0.log"}}});
  }

  void run_until(const std::function<bool()>& condition) {
    while (!condition()) real_.run();
  }

  void end_all() {
    for (const CellId id : std::set<CellId>(running_)) engine_->stop(id, true);
    run_until([this] { return running_.empty() && engine_->cells().empty(); });
  }

  int cells_;
  RealWorld real_;
  std::string directory_;
  std::unique_ptr<LocalEngine> engine_;
  std::set<CellId> running_;
  std::uint64_t job_ = 0;
  bool is_replacing_ = false;
};

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print(const char* what, std::vector<double> seconds) {
  std::ranges::sort(seconds);
  fmt::print("{:28} p50 {:6.1f} ms  min {:6.1f} ms  max {:6.1f} ms\n", what,
             seconds[seconds.size() / 2] * 1e3, seconds.front() * 1e3, seconds.back() * 1e3);
}

int run(const std::string& program, int cells, int rounds) {
  Boundary boundary(program, cells);
  std::vector<double> starts;
  for (int i = 0; i < 20; ++i) starts.push_back(boundary.start_one());
  print("start of one cell", starts);
  std::vector<double> changes;
  const double before = cpu_seconds(RUSAGE_SELF);
  for (int i = 0; i < rounds; ++i) changes.push_back(boundary.change_all());
  print(fmt::format("change of {} cells", cells).c_str(), changes);
  fmt::print("{:28} {:.2f} s of processor time a round\n", "the engine itself",
             (cpu_seconds(RUSAGE_SELF) - before) / rounds);
  return 0;
}

}  // namespace
}  // namespace bourse

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "engine_bench: say the program: engine_bench build/bench/bourse-agent\n");
    return 2;
  }
  return bourse::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 64,
                     argc > 3 ? std::atoi(argv[3]) : 5);
}
