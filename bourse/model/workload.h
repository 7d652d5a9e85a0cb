#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/id.h"
#include "bourse/base/quantity.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

/// Jobs, and where the file says so the cluster they run on and the time they have.
struct Workload {
  ResourceTypes types;             ///< Of the demands of the jobs.
  std::vector<JobSpec> jobs;       ///< Indexed by JobId; arrivals do not decrease.
  std::optional<Cluster> cluster;  ///< Its types may differ from `types`.
  Seconds horizon = kForever;      ///< Jobs unfinished by then earn nothing.
  /// Length of a slot if time is slotted as in the paper: then the delay that a utility sees is the
  /// number of slots between the slot of arrival and the slot of completion. 0: exact times.
  Seconds slot{0};
};

/// One problem: a cluster and jobs whose demands are in the cluster's resource types.
struct Instance {
  Cluster cluster;
  std::vector<JobSpec> jobs;
  Seconds horizon = kForever;
  Seconds slot{0};
};

/// Completion delay that the utility of a job sees: exact, or whole slots (t_hat - a_i) if slot >
/// 0. Completing exactly at the end of a slot counts as in that slot. Source: PD-ORS, u_i(t_hat_i -
/// a_i).
[[nodiscard]] Seconds utility_delay(Seconds arrival, Seconds finish, Seconds slot);

struct BindOptions {
  bool skip_unfit = false;  ///< Leave out jobs that the cluster cannot run, instead of failing.
};

struct Bound {
  Instance instance;
  std::vector<std::string> left_out;  ///< One sentence for each job left out.
};

/// Puts the jobs of a workload onto a cluster. `file` is the name used in messages.
/// Errors: invalid_argument if a job demands a resource the cluster lacks, or its smallest
/// allocation, or the one it requests, does not fit an empty cluster (unless skip_unfit).
[[nodiscard]] Result<Bound> bind(Workload workload, Cluster cluster, std::string_view file,
                                 const BindOptions& options = {});

/// Puts one job, whose demands are in `types`, onto the cluster. Errors: as above; the message goes
/// on from the name of the job ("needs 8 gpu ...").
[[nodiscard]] Result<void> bind(JobSpec& job, const ResourceTypes& types, const Cluster& cluster);

/// True if `tasks` of the job can be placed on the empty cluster, on one machine or spread.
[[nodiscard]] bool fits_empty(const Cluster& cluster, const JobSpec& job, TaskCounts tasks);

/// Reads a workload in YAML (docs/files.md). `file` is the name used in messages.
/// Errors: invalid_argument, "file:line: field ...: what, what would be right".
[[nodiscard]] Result<Workload> parse_workload_yaml(std::string_view text, std::string_view file);

/// YAML that parse_workload_yaml reads back as the same workload.
[[nodiscard]] std::string workload_yaml(const Workload& workload);

/// Largest YAML file that is read, bytes.
inline constexpr std::size_t kMaxYamlBytes = std::size_t{1} << 28;

}  // namespace bourse
