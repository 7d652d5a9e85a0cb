#include <fmt/core.h>

#include <array>
#include <filesystem>
#include <string>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bench/large_cluster.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

// Decisions of policies that divide a large cluster, and every policy over whole traces.
namespace bourse {
namespace {

constexpr int kRounds = 200;

Result<std::vector<Sample>> run_decisions(const std::string& policy) {
  BOURSE_TRY(const std::vector<double> seconds, decisions_on_large_cluster(policy, kRounds));
  const Distribution d = distribution_of(seconds);
  return std::vector<Sample>{{"decision p50", "ms", Better::lower, d.p50 * 1e3},
                             {"decision p99", "ms", Better::lower, d.p99 * 1e3},
                             {"decision max", "ms", Better::lower, d.max * 1e3}};
}

/// Slots of 10 minutes are the default of policies that have slots.
Result<std::vector<Sample>> run_trace(const Setup& setup, const std::string& policy) {
  BOURSE_TRY(const Instance instance, trace_instance(setup.trace, "256x8"));
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    BOURSE_TRY(const std::unique_ptr<Policy> made, policy_for(instance, policy));
    const double before = thread_cpu_seconds();
    const SimulationResult result = simulate(instance, *made);
    samples.push_back({"cpu time", "s", Better::lower, thread_cpu_seconds() - before});
    const Metrics metrics = metrics_of(instance, result);
    samples.push_back({"mean completion", "s", Better::neither, metrics.completion.mean});
  }
  return samples;
}

/// The six clusters of ITP, each with machines of 8 GPUs for about 80 % of its load, and at least
/// for its largest gang.
constexpr std::array<std::pair<const char*, const char*>, 6> kItpClusters{{{"cluster01", "8x8"},
                                                                           {"cluster02", "14x8"},
                                                                           {"cluster03", "22x8"},
                                                                           {"cluster04", "78x8"},
                                                                           {"cluster05", "2x8"},
                                                                           {"cluster10", "2x8"}}};

std::string itp_trace() { return BOURSE_SOURCE_DIR "/../shared/traces/itp-6-clusters.csv.gz"; }

Result<std::vector<Sample>> run_itp(const std::string& policy) {
  if (!std::filesystem::exists(itp_trace())) {
    fmt::print(stderr, "bourse_bench: traces absent: no figure of the six ITP clusters\n");
    return std::vector<Sample>{};
  }
  double cpu_s = 0;
  double finished = 0;
  double completion = 0;
  for (const auto& [group, machines] : kItpClusters) {
    BOURSE_TRY(const Instance instance, trace_instance(itp_trace(), machines, group));
    BOURSE_TRY(const std::unique_ptr<Policy> made, policy_for(instance, policy));
    const double before = thread_cpu_seconds();
    const SimulationResult result = simulate(instance, *made);
    cpu_s += thread_cpu_seconds() - before;
    const Metrics metrics = metrics_of(instance, result);
    finished += static_cast<double>(metrics.finished);
    completion += metrics.completion.mean * static_cast<double>(metrics.finished);
  }
  return std::vector<Sample>{{"cpu time", "s", Better::lower, cpu_s},
                             {"finished", "jobs", Better::neither, finished},
                             {"mean completion", "s", Better::neither, completion / finished}};
}

}  // namespace

void add_policies_cases(std::vector<Case>& cases) {
  for (const std::string policy : {"drf", "optimus"})
    cases.push_back({.section = "policies",
                     .name = fmt::format("{} 1600 machines, 800 jobs", policy),
                     .run = [policy](const Setup&) { return run_decisions(policy); }});
  for (const PolicyInfo& info : all_policies()) {
    const std::string policy(info.name);
    cases.push_back({.section = "policies",
                     .name = fmt::format("{} trace 256x8", policy),
                     .run = [policy](const Setup& setup) { return run_trace(setup, policy); }});
    cases.push_back({.section = "policies",
                     .name = fmt::format("{} six ITP clusters", policy),
                     .once = true,
                     .run = [policy](const Setup&) { return run_itp(policy); }});
  }
}

}  // namespace bourse
