#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/bourse/cli_forward.h"
#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/report/run_report.h"
#include "bourse/trace/trace.h"

namespace bourse {

/// Where an instance comes from.
struct LoadOptions {
  std::string cluster;   ///< Short form or file; empty: the one in the workload.
  std::string workload;  ///< File.
  std::size_t format = kTraceFormatNames.size();  ///< Into kTraceFormatNames; its size: unknown.
  bool skip_unfit = false;
  std::string elastic;  ///< File with profiles; empty: gangs stay gangs.
  std::uint64_t utility_seed = 1;
  std::optional<Seconds> restart_cost;  ///< Of every job, in place of its own.
  std::optional<Seconds> horizon;       ///< In place of the workload's.
};

/// An instance, and what must be told about how it came about.
struct Loaded {
  Instance instance;
  std::string format;
  std::vector<SkippedJobs> skipped;
  std::vector<std::string> assumptions;
};

/// Adds --cluster and --workload to a command that needs both, and --format-of-workload.
void add_source_options(CLI::App& app, LoadOptions& options);
/// Adds the workload as an argument FILE, and --format-of-workload.
void add_file_argument(CLI::App& app, LoadOptions& options);
/// Adds --format-of-workload.
void add_workload_format(CLI::App& app, LoadOptions& options);
/// Adds --cluster.
void add_cluster_option(CLI::App& app, LoadOptions& options);
/// Adds --elastic and --utility-seed.
void add_elastic_options(CLI::App& app, LoadOptions& options);
/// Adds these and the other options that change what is loaded.
void add_change_options(CLI::App& app, LoadOptions& options);

/// The trace as it is read for this cluster; null: unknown.
[[nodiscard]] Result<TraceRead> read_workload(const LoadOptions& options, const Cluster* cluster);

/// With --elastic, gives gangs measured speeds. Appends what was assumed. Errors: those of
/// read_profiles.
[[nodiscard]] Result<void> apply_elastic(Workload& workload, const LoadOptions& options,
                                         std::vector<std::string>& assumptions);

/// Gives the jobs of a trace, which records no utility, one each; our own YAML states it and is
/// left alone. Appends what was assumed to the assumptions of `read`.
[[nodiscard]] Result<void> apply_utilities(TraceRead& read, const LoadOptions& options);

/// Reads workload and cluster and puts one onto the other. Errors: failed_precondition if neither
/// names a cluster; else those of the readers and of bind().
[[nodiscard]] Result<Loaded> load(const LoadOptions& options);

/// Reads the jobs of a workload file, of any format, as a history for policies that forecast:
/// demands in the resource types of the cluster, jobs that do not fit it left out. `options` says
/// how utilities and speeds are given to the jobs of a trace. Errors: those of load().
[[nodiscard]] Result<Instance> load_history(const std::string& file, const Cluster& cluster,
                                            LoadOptions options);

/// Says on standard error why load() failed, and returns the exit code.
[[nodiscard]] int load_failure(const Error& error);

}  // namespace bourse
