#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <utility>

#include "bench/figures.h"

// The micro-benchmarks of the rooms, read by our own reporter.
namespace bourse {
namespace {

/// Keeps what each repetition took.
class Collector final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
      const double in_units = run.GetAdjustedCPUTime();
      const double seconds = in_units / benchmark::GetTimeUnitMultiplier(run.time_unit);
      samples.push_back({run.run_name.str(), "us", Better::lower, seconds * 1e6});
    }
  }

  std::vector<Sample> samples;
};

Result<std::vector<Sample>> run_micro(const Setup& setup) {
  std::array<std::string, 3> texts{"bourse_bench", "--benchmark_min_time=0.02",
                                   "--benchmark_repetitions=" + std::to_string(setup.repeats)};
  std::array<char*, 3> arguments{texts[0].data(), texts[1].data(), texts[2].data()};
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::Shutdown();
  return std::move(collector.samples);
}

}  // namespace

void add_solver_cases(std::vector<Case>& cases) {
  cases.push_back({.section = "solver", .name = "slot problem", .run = run_micro});
}

}  // namespace bourse
