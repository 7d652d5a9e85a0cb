#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bench/large_cluster.h"
#include "bench/process.h"
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
Result<std::vector<Sample>> run_policy_on_trace(const Setup& setup, const std::string& policy) {
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

/// Seconds of `bourse compare` under all policies, with a cache of its own, which is then deleted.
struct CompareTime {
  double wall_s = 0;
  double cpu_s = 0;
};

Result<CompareTime> time_compare(const Setup& setup, const std::vector<std::string>& what) {
  const std::filesystem::path cache =
      std::filesystem::temp_directory_path() / fmt::format("bourse-bench-{}", getpid());
  std::vector<std::string> command{
      setup.program, "compare", "--policies", "all",          "--seeds",    "1",
      "--format",    "csv",     "--cache",    cache.string(), "--progress", "never"};
  command.insert(command.end(), what.begin(), what.end());
  const auto begin = std::chrono::steady_clock::now();
  const Result<ProcessOutcome> outcome = run_process(command);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  std::error_code ignored;
  std::filesystem::remove_all(cache, ignored);
  if (!outcome) return tl::unexpected<Error>(outcome.error());
  return CompareTime{wall.count(), outcome->cpu_s};
}

/// The program as people run it: a process a run, as many at a time as there are cores.
Result<std::vector<Sample>> run_everything(const Setup& setup) {
  BOURSE_TRY(const CompareTime philly,
             time_compare(setup, {"--cluster", "256x8", "--workload", setup.trace}));
  CompareTime itp;
  if (std::filesystem::exists(itp_trace())) {
    BOURSE_TRY(itp, time_compare(setup, {"--cluster", "64x8", "--workload", itp_trace(),
                                         "--split-by", "group"}));
  } else {
    fmt::print(stderr, "bourse_bench: traces absent: all policies on the one trace only\n");
  }
  return std::vector<Sample>{
      {"wall time", "s", Better::lower, philly.wall_s + itp.wall_s},
      {"cpu time of two cores", "s", Better::lower, (philly.cpu_s + itp.cpu_s) / 2}};
}

}  // namespace

void add_policies_cases(std::vector<Case>& cases) {
  for (const std::string policy : {"drf", "optimus"})
    cases.push_back({.section = "policies",
                     .name = fmt::format("{} 1600 machines, 800 jobs", policy),
                     .run = [policy](const Setup&) { return run_decisions(policy); }});
  cases.push_back({.section = "policies",
                   .name = "all policies, trace 256x8 and six ITP clusters",
                   .once = true,
                   .run = run_everything});
  for (const PolicyInfo& info : all_policies()) {
    const std::string policy(info.name);
    cases.push_back(
        {.section = "policies",
         .name = fmt::format("{} trace 256x8", policy),
         .run = [policy](const Setup& setup) { return run_policy_on_trace(setup, policy); }});
    cases.push_back({.section = "policies",
                     .name = fmt::format("{} six ITP clusters", policy),
                     .once = true,
                     .run = [policy](const Setup&) { return run_itp(policy); }});
  }
}

}  // namespace bourse
