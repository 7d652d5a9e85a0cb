#include <fmt/core.h>

#include <string>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/base/check.h"
#include "bourse/policy/pd_ors.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using Samples = std::vector<Sample>;

/// Each clock costs time, so three runs: one without any, one that times decisions, one phases.
Result<void> measure(const Instance& instance, const Settings& settings, Samples& samples) {
  BOURSE_TRY(const std::unique_ptr<Policy> plain, policy_for(instance, "pd-ors", settings));
  const double before = thread_cpu_seconds();
  const SimulationResult result = simulate(instance, *plain);
  const double cpu_s = thread_cpu_seconds() - before;
  const double jobs = static_cast<double>(instance.jobs.size());
  samples.push_back({"total", "cpu-s", Better::lower, cpu_s});
  samples.push_back({"speed", "jobs/cpu-s", Better::higher, jobs / cpu_s});

  BOURSE_TRY(const std::unique_ptr<Policy> timed, policy_for(instance, "pd-ors", settings));
  const SimulationResult latencies = simulate(instance, *timed, {.stopwatch = thread_cpu_seconds});
  const Distribution decision =
      distribution_of({latencies.decision_seconds.begin(), latencies.decision_seconds.end()});
  samples.push_back({"decision p50", "us", Better::lower, decision.p50 * 1e6});
  samples.push_back({"decision p99", "us", Better::lower, decision.p99 * 1e6});
  samples.push_back({"decision max", "us", Better::lower, decision.max * 1e6});

  BOURSE_TRY(const std::unique_ptr<Policy> phased, policy_for(instance, "pd-ors", settings));
  auto* const pd_ors = dynamic_cast<PdOrsPolicy*>(phased.get());
  BOURSE_CHECK(pd_ors != nullptr);
  pd_ors->time_phases(thread_cpu_seconds);
  const SimulationResult again = simulate(instance, *pd_ors);
  BOURSE_CHECK(again.events == result.events);
  const SlotCostCounters& counters = pd_ors->counters();
  for (std::size_t i = 0; i < kPhaseCount; ++i)
    samples.push_back({fmt::format("phase {}", name_of(static_cast<Phase>(i))), "cpu-s",
                       Better::lower, counters.seconds[i]});
  const auto count = [&](const char* what, std::uint64_t number) {
    samples.push_back({what, "", Better::neither, static_cast<double>(number)});
  };
  count("decisions", result.decisions);
  count("cost curves", counters.curves);
  count("linear programs", counters.relaxations);
  count("roundings", counters.roundings);
  const Metrics metrics = metrics_of(instance, result);
  count("finished", metrics.finished);
  count("declined", metrics.declined);
  return {};
}

Result<Samples> repeat(const Instance& instance, const Settings& settings, int times) {
  Samples samples;
  for (int i = 0; i < times; ++i) BOURSE_TRY_VOID(measure(instance, settings, samples));
  return samples;
}

Result<Samples> run_trace(const Setup& setup, const std::string& cluster) {
  BOURSE_TRY(const Instance instance, trace_instance(setup.trace, cluster));
  return repeat(instance, {{"slot", "10min"}}, 1);  // long enough to measure at once
}

Result<Samples> run_paper(const Setup& setup, int machines, int jobs, const std::string& rounding) {
  BOURSE_TRY(const Instance instance, paper_instance(machines, jobs, 20, 1));
  return repeat(instance, {{"rounding", rounding}}, setup.repeats);
}

}  // namespace

void add_pd_ors_cases(std::vector<Case>& cases) {
  for (const std::string cluster : {"256x8", "80x8"})
    cases.push_back({.section = "pd-ors",
                     .name = "trace " + cluster,
                     .run = [cluster](const Setup& setup) { return run_trace(setup, cluster); }});
  struct Size {
    int machines;
    int jobs;
  };
  for (const Size size : {Size{100, 50}, Size{50, 100}})
    for (const std::string rounding : {"deterministic", "randomized"})
      cases.push_back({.section = "pd-ors",
                       .name = fmt::format("paper {}x{} {}", size.machines, size.jobs, rounding),
                       .run = [size, rounding](const Setup& setup) {
                         return run_paper(setup, size.machines, size.jobs, rounding);
                       }});
}

}  // namespace bourse
