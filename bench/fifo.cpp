#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/event_heap.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bench/process.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"
#include "bourse/trace/trace.h"

// Strict FIFO on 2,048 GPUs, which the slice never fills: what the engine itself costs.
namespace bourse {
namespace {

constexpr int kGpus = 256 * 8;
constexpr const char* kCluster = "256x8";

using Measured = Result<std::vector<Sample>>;

Sample rate(std::size_t jobs, double cpu_s) {
  return {"speed", "jobs/cpu-s", Better::higher, static_cast<double>(jobs) / cpu_s};
}

Sample mean_completion(double seconds) {
  return {"mean completion", "s", Better::neither, seconds};
}

Measured bare_heap(const Setup& setup) {
  BOURSE_TRY(const Instance instance, trace_instance(setup.trace, kCluster));
  const std::vector<BareJob> jobs = bare_jobs(instance);
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    const double before = thread_cpu_seconds();
    const double mean = replay_on_bare_heap(jobs, kGpus);
    samples.push_back(rate(jobs.size(), thread_cpu_seconds() - before));
    samples.push_back(mean_completion(mean));
  }
  return samples;
}

Measured simulation(const Setup& setup) {
  BOURSE_TRY(const Instance instance, trace_instance(setup.trace, kCluster));
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    BOURSE_TRY(const std::unique_ptr<Policy> policy, policy_for(instance, "fifo"));
    const double before = thread_cpu_seconds();
    const SimulationResult result = simulate(instance, *policy);
    samples.push_back(rate(instance.jobs.size(), thread_cpu_seconds() - before));
    samples.push_back(mean_completion(metrics_of(instance, result).completion.mean));
  }
  return samples;
}

Measured reading(const Setup& setup) {
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    const double before = thread_cpu_seconds();
    BOURSE_TRY(const TraceRead read, read_trace_file(setup.trace));
    samples.push_back(rate(read.workload.jobs.size(), thread_cpu_seconds() - before));
  }
  return samples;
}

/// The program as people run it: start, gzip, simulation, metrics, JSON, end.
Measured program(const Setup& setup) {
  BOURSE_TRY(const ProcessOutcome outcome,
             run_process({setup.program, "simulate", "--cluster", kCluster, "--workload",
                          setup.trace, "--policy", "fifo", "--format", "json"}));
  const auto json = nlohmann::json::parse(outcome.output, nullptr, false);
  if (json.is_discarded() || json["runs"].size() != 1)
    return fail(ErrorCode::internal, "the program did not write one run as JSON");
  const auto& run = json["runs"][0];
  return std::vector<Sample>{
      rate(run["jobs"].get<std::size_t>(), outcome.cpu_s),
      mean_completion(run["jct_s"]["mean"].get<double>()),
      {"process", "cpu-s", Better::lower, outcome.cpu_s},
      {"peak memory", "MB", Better::lower, static_cast<double>(outcome.peak_rss_bytes) / 1e6}};
}

}  // namespace

void add_fifo_cases(std::vector<Case>& cases) {
  cases.push_back({.section = "fifo", .name = "bare event heap", .run = bare_heap});
  cases.push_back({.section = "fifo", .name = "simulation 256x8", .run = simulation});
  cases.push_back({.section = "fifo", .name = "reading the trace", .run = reading});
  cases.push_back({.section = "fifo", .name = "whole program 256x8", .run = program});
}

}  // namespace bourse
