#include <fmt/core.h>

#include <string>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

// The other policies, where nobody waits (256x8) and where the queue is long (80x8).
namespace bourse {
namespace {

Result<std::vector<Sample>> run_rival(const Setup& setup, const std::string& name,
                                      const std::string& cluster) {
  BOURSE_TRY(const Instance instance, trace_instance(setup.trace, cluster));
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    BOURSE_TRY(const std::unique_ptr<Policy> policy, policy_for(instance, name));
    const double before = thread_cpu_seconds();
    const SimulationResult result = simulate(instance, *policy);
    const double cpu_s = thread_cpu_seconds() - before;
    samples.push_back(
        {"speed", "jobs/cpu-s", Better::higher, static_cast<double>(instance.jobs.size()) / cpu_s});
    const Metrics metrics = metrics_of(instance, result);
    samples.push_back({"mean completion", "s", Better::neither, metrics.completion.mean});
  }
  return samples;
}

}  // namespace

void add_rival_cases(std::vector<Case>& cases) {
  for (const std::string cluster : {"256x8", "80x8"})
    for (const std::string policy : {"fifo", "srsf", "srtf", "drf"}) {
      if (cluster == "256x8" && policy == "fifo") continue;  // has a section of its own
      cases.push_back({.section = "rivals",
                       .name = fmt::format("{} {}", policy, cluster),
                       .run = [policy, cluster](const Setup& setup) {
                         return run_rival(setup, policy, cluster);
                       }});
    }
}

}  // namespace bourse
