#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/figures.h"
#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// The trace on a cluster ("256x8"), with utilities by the seeded rule as `bourse simulate` gives
/// them; only the jobs of one group if it is not empty. Errors: those of the reader and of bind().
[[nodiscard]] Result<Instance> trace_instance(const std::string& trace, const std::string& cluster,
                                              std::string_view group = {});

/// An instance of the generator `paper`.
[[nodiscard]] Result<Instance> paper_instance(int machines, int jobs, int slots,
                                              std::uint64_t seed);

/// Jobs of the generator `ones` on 64 GPUs, with tables of their best batches if `has_tables`.
[[nodiscard]] Result<Instance> ones_instance(int jobs, bool has_tables, std::uint64_t seed);

/// A day of jobs like those of the Philly trace on this cluster, with utilities by the seeded rule;
/// those that do not fit are left out.
[[nodiscard]] Result<Instance> philly_like_instance(const Cluster& cluster);

/// Writes 10,000 generated jobs like those of the Philly trace as a canonical trace, packed by
/// gzip. Always the same bytes. Errors: unavailable if the file cannot be written.
[[nodiscard]] Result<void> write_generated_trace(const std::string& path);

/// A policy for this instance.
[[nodiscard]] Result<std::unique_ptr<Policy>> policy_for(const Instance& instance,
                                                         std::string_view name,
                                                         const Settings& settings = {},
                                                         std::uint64_t seed = 1);

/// The trace on the cluster under a policy: jobs per CPU second and the mean completion, once a
/// repeat.
[[nodiscard]] Result<std::vector<Sample>> replay_samples(const Setup& setup,
                                                         const std::string& policy,
                                                         const std::string& cluster);

}  // namespace bourse
