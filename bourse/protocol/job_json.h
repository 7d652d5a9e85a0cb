#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

/// Amounts in units of their types: GPUs, MiB.
[[nodiscard]] nlohmann::ordered_json amounts_json(const ResourceTypes& types,
                                                  std::span<const Amount> amounts);
/// All that is declared of a job.
[[nodiscard]] nlohmann::ordered_json job_json(const Cluster& cluster, JobId id, const JobSpec& job);

}  // namespace bourse
