#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/offline/optimum.h"
#include "bourse/offline/upper_bound.h"
#include "bourse/trace/paper.h"
#include "bourse/trace/trace.h"
#include "bourse/trace/utility_rule.h"

// The upper bound: what it costs, and how far the optimum is below it where that is known.
namespace bourse {
namespace {

std::vector<Sample> measure(const Instance& instance) {
  const double before = thread_cpu_seconds();
  const UpperBound bound = upper_bound(instance);
  const double passed = thread_cpu_seconds() - before;
  const double share = bound.unhindered > 0 ? bound.utility / bound.unhindered : 1;
  return {{"time", "s", Better::lower, passed},
          {"evaluations", "", Better::neither, static_cast<double>(bound.dual.evaluations)},
          {"bound of unhindered", "%", Better::lower, 100 * share},
          {"proven gap", "%", Better::lower, 100 * bound.dual.relaxed_gap},
          {"cells", "", Better::neither, static_cast<double>(bound.capacity.cells)}};
}

Result<std::vector<Sample>> run_paper(int machines, int jobs, int repeats) {
  BOURSE_TRY(const Instance instance, paper_instance(machines, jobs, 20, 1));
  std::vector<Sample> samples;
  for (int i = 0; i < repeats; ++i)
    for (Sample& sample : measure(instance)) samples.push_back(std::move(sample));
  return samples;
}

Result<std::vector<Sample>> bound_trace(const std::string& trace, const std::string& cluster) {
  BOURSE_TRY(const Instance instance, trace_instance(trace, cluster));
  return measure(instance);
}

/// One cluster of the ITP traces, which the trace names as group, on a cluster of ours.
Result<std::vector<Sample>> run_itp(const std::string& group, const std::string& cluster) {
  const std::string trace = BOURSE_SOURCE_DIR "/../shared/traces/itp-6-clusters.csv.gz";
  BOURSE_TRY(Cluster machines, load_cluster(cluster));
  BOURSE_TRY(TraceRead read, read_trace_file(trace, {.gpus_only = true}));
  std::erase_if(read.workload.jobs, [&](const JobSpec& job) { return job.group != group; });
  BOURSE_TRY_VOID(assign_utilities(read.workload, 1));
  BOURSE_TRY(const Bound bound, bourse::bind(std::move(read.workload), std::move(machines), trace,
                                             {.skip_unfit = true}));
  return measure(bound.instance);
}

/// A forecast as a policy has it: jobs of several sampled workloads, each counted in part, over
/// slots of one hour; first from nothing, then again from the prices found.
Result<std::vector<Sample>> run_forecast(int jobs, int slots) {
  constexpr int kWorkloads = 4;
  std::vector<Instance> sampled;
  for (std::uint64_t seed = 1; seed <= kWorkloads; ++seed) {
    BOURSE_TRY(Instance instance, paper_instance(50, jobs / kWorkloads, slots, seed));
    sampled.push_back(std::move(instance));
  }
  const auto cells = static_cast<std::size_t>(slots);
  DualProblem problem{.cluster = &sampled[0].cluster,
                      .times = equal_cells(Seconds(0), Seconds(3600), cells),
                      .capacity = full_capacity(sampled[0].cluster, cells),
                      .utility_slot = Seconds(3600)};
  for (const Instance& instance : sampled)
    for (const JobSpec& job : instance.jobs)
      problem.jobs.push_back({&job, job.arrival, job.samples, 1.0 / kWorkloads * 8});
  const double start = thread_cpu_seconds();
  const DualSolution first = solve_dual(problem, {.max_evaluations = 100, .gap = 1e-3});
  const double cold = thread_cpu_seconds() - start;
  const DualSolution again =
      solve_dual(problem, {.max_evaluations = 100, .gap = 1e-3, .start = first.prices.values});
  return std::vector<Sample>{
      {"solve", "ms", Better::lower, 1e3 * cold},
      {"solve again", "ms", Better::lower, 1e3 * (thread_cpu_seconds() - start - cold)},
      {"evaluations", "", Better::neither, static_cast<double>(first.evaluations)},
      {"proven gap", "%", Better::lower, 100 * first.relaxed_gap},
      {"proven gap again", "%", Better::lower, 100 * again.relaxed_gap}};
}

/// Instances of the generator paper that CBC still solves: jobs that two or three machines can
/// train within a few slots.
Result<std::vector<Sample>> run_small(std::uint64_t seed) {
  PaperOptions options{.machines = 3, .jobs = 6, .slots = 5};
  options.capacity = 8;
  options.epochs_min = 5;
  options.epochs_max = 20;
  options.samples_max = 100'000;
  options.workers_max = 2;
  options.midpoint_max = 5;
  BOURSE_TRY(Workload workload, generate_paper(options, seed));
  Cluster cluster = *workload.cluster;
  BOURSE_TRY(const Bound bound,
             bourse::bind(std::move(workload), std::move(cluster), "paper", {.skip_unfit = true}));
  BOURSE_TRY(const Optimum best, optimum(bound.instance, {.time_limit_s = 20}));
  const UpperBound upper = upper_bound(bound.instance);
  return std::vector<Sample>{{"optimum", "utility", Better::higher, best.utility},
                             {"bound of the program", "utility", Better::lower, best.bound},
                             {"upper bound", "utility", Better::lower, upper.utility},
                             {"unhindered", "utility", Better::lower, upper.unhindered},
                             {"optimum of upper bound", "%", Better::higher,
                              upper.utility > 0 ? 100 * best.utility / upper.utility : 100}};
}

}  // namespace

void add_bound_cases(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, bool once, auto run) {
    cases.push_back({.section = "bound", .name = name, .once = once, .run = std::move(run)});
  };
  for (const auto& [machines, jobs] : {std::pair(100, 50), {50, 100}})
    add(fmt::format("paper {}x{}", machines, jobs), false,
        [=](const Setup& setup) { return run_paper(machines, jobs, setup.repeats); });
  for (const char* cluster : {"256x8", "80x8", "40x8", "20x8"})
    add(fmt::format("trace {}", cluster), false,
        [=](const Setup& setup) { return bound_trace(setup.trace, cluster); });
  if (std::filesystem::exists(BOURSE_SOURCE_DIR "/../shared/traces/itp-6-clusters.csv.gz"))
    for (const auto& [group, cluster] : {std::pair("cluster01", "16x8"),
                                         {"cluster02", "32x8"},
                                         {"cluster03", "64x8"},
                                         {"cluster04", "64x8"},
                                         {"cluster05", "16x8"},
                                         {"cluster10", "8x8"}})
      add(fmt::format("itp {} {}", group, cluster), false,
          [=](const Setup&) { return run_itp(group, cluster); });
  for (const auto& [jobs, slots] : {std::pair(100, 20), {200, 50}, {200, 150}})
    add(fmt::format("forecast of {} jobs, {} slots", jobs, slots), false,
        [=](const Setup&) { return run_forecast(jobs, slots); });
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    add(fmt::format("small seed {}", seed), true, [seed](const Setup&) { return run_small(seed); });
}

}  // namespace bourse
