#include "bench/inputs.h"

#include <fmt/core.h>
#include <zlib.h>

#include <utility>

#include "apps/bourse/clocks.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"
#include "bourse/trace/adaptive_generators.h"
#include "bourse/trace/generator.h"
#include "bourse/trace/paper.h"
#include "bourse/trace/philly_like.h"
#include "bourse/trace/trace.h"
#include "bourse/trace/utility_rule.h"

namespace bourse {
namespace {

constexpr std::uint64_t kSeed = 1;

}  // namespace

Result<Instance> trace_instance(const std::string& trace, const std::string& cluster,
                                std::string_view group) {
  BOURSE_TRY(Cluster machines, load_cluster(cluster));
  BOURSE_TRY(TraceRead read, read_trace_file(trace, {.gpus_only = true}));
  if (!group.empty())
    std::erase_if(read.workload.jobs, [&](const JobSpec& job) { return job.group != group; });
  BOURSE_TRY(const UtilityCounts counts, assign_utilities(read.workload, kSeed));
  if (counts.kept == read.workload.jobs.size())
    return invalid(fmt::format("'{}' states utilities; the rule has nothing to do", trace));
  BOURSE_TRY(Bound bound, bourse::bind(std::move(read.workload), std::move(machines), trace));
  return std::move(bound.instance);
}

Result<Instance> paper_instance(int machines, int jobs, int slots, std::uint64_t seed) {
  const PaperOptions options{.machines = static_cast<double>(machines),
                             .jobs = static_cast<double>(jobs),
                             .slots = static_cast<double>(slots)};
  Result<Workload> workload = generate_paper(options, seed);
  if (!workload) return tl::unexpected<Error>(workload.error());
  Cluster cluster = *workload->cluster;
  BOURSE_TRY(Bound bound, bourse::bind(*std::move(workload), std::move(cluster), "paper"));
  return std::move(bound.instance);
}

Result<Instance> ones_instance(int jobs, bool has_tables, std::uint64_t seed) {
  BOURSE_TRY(Workload workload,
             generate_ones_workload(
                 {.jobs = static_cast<double>(jobs), .tables = has_tables ? 1.0 : 0}, seed));
  Cluster cluster = *workload.cluster;
  BOURSE_TRY(Bound bound, bourse::bind(std::move(workload), std::move(cluster), "ones"));
  return std::move(bound.instance);
}

Result<Instance> philly_like_instance(const Cluster& cluster) {
  BOURSE_TRY(Workload workload, generate_philly_like({.machines = 64, .days = 1}, kSeed));
  BOURSE_TRY_VOID(assign_utilities(workload, kSeed));
  BOURSE_TRY(Bound bound,
             bourse::bind(std::move(workload), cluster, "philly-like", {.skip_unfit = true}));
  return std::move(bound.instance);
}

Result<void> write_generated_trace(const std::string& path) {
  BOURSE_TRY(const Workload workload,
             generate_philly_like({.machines = 256, .days = 5, .jobs = 10'000}, kSeed));
  BOURSE_TRY(const std::string text, write_canonical(workload));
  gzFile file = gzopen(path.c_str(), "wb");
  if (file == nullptr) return fail(ErrorCode::unavailable, fmt::format("cannot write '{}'", path));
  const int size = static_cast<int>(text.size());
  const bool is_written = gzwrite(file, text.data(), static_cast<unsigned>(size)) == size;
  if (gzclose(file) != Z_OK || !is_written)
    return fail(ErrorCode::unavailable, fmt::format("cannot write all of '{}'", path));
  return {};
}

Result<std::unique_ptr<Policy>> policy_for(const Instance& instance, std::string_view name,
                                           const Settings& settings, std::uint64_t seed) {
  return make_policy(name, settings,
                     {.slot = instance.slot, .horizon = instance.horizon, .seed = seed});
}

Result<std::vector<Sample>> replay_samples(const Setup& setup, const std::string& policy,
                                           const std::string& cluster) {
  BOURSE_TRY(const Instance instance, trace_instance(setup.trace, cluster));
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    BOURSE_TRY(const std::unique_ptr<Policy> made, policy_for(instance, policy));
    const double before = thread_cpu_seconds();
    const SimulationResult result = simulate(instance, *made);
    const double cpu_s = thread_cpu_seconds() - before;
    samples.push_back(
        {"speed", "jobs/cpu-s", Better::higher, static_cast<double>(instance.jobs.size()) / cpu_s});
    samples.push_back(
        {"mean completion", "s", Better::neither, metrics_of(instance, result).completion.mean});
  }
  return samples;
}

}  // namespace bourse
