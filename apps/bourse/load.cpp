#include "apps/bourse/load.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/units.h"
#include "bourse/trace/elastic.h"
#include "bourse/trace/utility_rule.h"

namespace bourse {
namespace {

bool has_only_gpus(const Cluster& cluster) {
  return cluster.types.size() == 1 && cluster.types.find("gpu").has_value();
}

/// One entry for all jobs that the cluster cannot run.
void add_unfit(Loaded& loaded, const std::vector<std::string>& left_out) {
  if (left_out.empty()) return;
  loaded.skipped.push_back({"does not fit the cluster", left_out.size(), left_out.front()});
}

constexpr const char* kWorkloadHelp = "Jobs: a workload in YAML, or a trace, packed by gzip or not";

}  // namespace

void add_workload_format(CLI::App& app, LoadOptions& options) {
  add_choice(app, "--format-of-workload", options.format,
             {kTraceFormatNames.begin(), kTraceFormatNames.end()},
             "Format of the workload (default: what its first bytes look like)");
}

void add_cluster_option(CLI::App& app, LoadOptions& options) {
  app.add_option("-c,--cluster", options.cluster,
                 "Machines: a YAML file, or 256x8 for 256 machines of 8 GPUs (default: the cluster "
                 "in the workload)")
      ->type_name("CLUSTER");
}

void add_source_options(CLI::App& app, LoadOptions& options) {
  add_cluster_option(app, options);
  app.add_option("-w,--workload", options.workload, kWorkloadHelp)->type_name("FILE")->required();
  add_workload_format(app, options);
}

void add_file_argument(CLI::App& app, LoadOptions& options) {
  app.add_option("FILE", options.workload, kWorkloadHelp)->required();
  add_workload_format(app, options);
}

void add_elastic_options(CLI::App& app, LoadOptions& options) {
  app.add_option("--elastic", options.elastic,
                 "Give gangs the measured speeds in this CSV file, so that they can be resized")
      ->type_name("FILE");
  add_whole(app, "--utility-seed", options.utility_seed, 0, std::uint64_t{1} << 53,
            "Seed of the utilities that trace jobs get, and of --elastic (default: 1)");
}

void add_change_options(CLI::App& app, LoadOptions& options) {
  app.add_flag("--skip-unfit", options.skip_unfit,
               "Leave out jobs that fit no machine in place of failing");
  add_elastic_options(app, options);
  add_duration(app, "--restart-cost", options.restart_cost,
               "Time without progress after each resume, resize or move (default: the job's own)");
  add_duration(app, "--horizon", options.horizon,
               "When everything ends; unfinished jobs earn nothing (default: the workload's)");
}

Result<TraceRead> read_workload(const LoadOptions& options, const Cluster* cluster) {
  TraceOptions trace;
  if (options.format < kTraceFormatNames.size())
    trace.format = static_cast<TraceFormat>(options.format);
  trace.gpus_only = cluster != nullptr && has_only_gpus(*cluster);
  return read_trace_file(options.workload, trace);
}

Result<void> apply_elastic(Workload& workload, const LoadOptions& options,
                           std::vector<std::string>& assumptions) {
  if (options.elastic.empty()) return {};
  BOURSE_TRY(const std::unique_ptr<FileSource> file, FileSource::open(options.elastic));
  BOURSE_TRY(const std::vector<ModelProfile> profiles, read_profiles(*file));
  const ElasticCounts counts = make_elastic(workload, profiles, options.utility_seed);
  std::uint64_t jobs = 0;
  for (const ElasticCounts::Model& model : counts.models) jobs += model.jobs;
  assumptions.push_back(fmt::format(
      "{} gangs got the measured speeds of {} models, drawn with seed {}; {} had a size "
      "that was not measured and stay gangs",
      jobs, counts.models.size(), options.utility_seed, counts.left_rigid));
  return {};
}

Result<void> apply_utilities(TraceRead& read, const LoadOptions& options) {
  if (read.format == TraceFormat::yaml) return {};
  BOURSE_TRY(const UtilityCounts counts, assign_utilities(read.workload, options.utility_seed));
  const std::uint64_t given =
      counts.insensitive + counts.sensitive + counts.critical + counts.deadline;
  if (given > 0)
    read.assumptions.push_back(
        fmt::format("{} jobs had no utility and got one with seed {}: {} insensitive to time, {} "
                    "sensitive, {} critical, {} with a deadline",
                    given, options.utility_seed, counts.insensitive, counts.sensitive,
                    counts.critical, counts.deadline));
  return {};
}

Result<Loaded> load(const LoadOptions& options) {
  std::optional<Cluster> cluster;
  if (!options.cluster.empty()) {
    BOURSE_TRY(cluster, load_cluster(options.cluster));
  }
  BOURSE_TRY(TraceRead read, read_workload(options, cluster ? &*cluster : nullptr));
  BOURSE_TRY_VOID(apply_elastic(read.workload, options, read.assumptions));
  BOURSE_TRY_VOID(apply_utilities(read, options));
  Workload& workload = read.workload;
  if (!cluster) cluster = std::move(workload.cluster);
  if (!cluster)
    return fail(
        ErrorCode::failed_precondition,
        fmt::format("'{}' names no cluster; say one, such as --cluster 256x8", options.workload));
  Loaded loaded;
  loaded.format = name_of(read.format);
  loaded.assumptions = std::move(read.assumptions);
  for (SkippedRows& rows : read.skipped)
    loaded.skipped.push_back({std::move(rows.reason), rows.count, std::move(rows.first_example)});
  if (read.out_of_order > 0)
    loaded.assumptions.push_back(fmt::format(
        "{} jobs stood below a job of a later arrival; jobs were sorted", read.out_of_order));
  if (options.horizon) {
    if (options.horizon->value <= 0)
      return fail(ErrorCode::failed_precondition, "option --horizon: must be above 0");
    workload.horizon = *options.horizon;
  }
  BOURSE_TRY(Bound bound, bind(std::move(workload), *std::move(cluster), options.workload,
                               {.skip_unfit = options.skip_unfit}));
  loaded.instance = std::move(bound.instance);
  add_unfit(loaded, bound.left_out);
  if (loaded.instance.jobs.empty())
    return invalid(fmt::format("'{}': no job is left", options.workload));
  if (options.restart_cost)
    for (JobSpec& job : loaded.instance.jobs) job.restart_cost = *options.restart_cost;
  return loaded;
}

Result<Instance> load_history(const std::string& file, const Cluster& cluster,
                              LoadOptions options) {
  options.workload = file;
  options.format = kTraceFormatNames.size();
  BOURSE_TRY(TraceRead read, read_workload(options, &cluster));
  BOURSE_TRY_VOID(apply_elastic(read.workload, options, read.assumptions));
  BOURSE_TRY_VOID(apply_utilities(read, options));
  BOURSE_TRY(Bound bound, bind(std::move(read.workload), cluster, file, {.skip_unfit = true}));
  if (bound.instance.jobs.empty()) return invalid(fmt::format("'{}': no job is left", file));
  return std::move(bound.instance);
}

int load_failure(const Error& error) {
  return error.code == ErrorCode::failed_precondition ? usage_error(error) : failure(error);
}

}  // namespace bourse
