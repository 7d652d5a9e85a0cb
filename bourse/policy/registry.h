#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/policy/parameters.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// What a policy may be told of the problem before the first event: nothing of its jobs.
struct PolicyContext {
  Seconds slot{0};             ///< The workload's slot if its time is slotted, else 0.
  Seconds horizon = kForever;  ///< When everything ends.
  std::uint64_t seed = 1;
  /// Jobs of another time on such a cluster, for policies that forecast; demands in the cluster's
  /// resource types. They arrived within `history_span`.
  std::vector<JobSpec> history{};
  Seconds history_span{0};
};

/// One policy as people see it.
struct PolicyInfo {
  std::string_view name;
  std::string_view summary;  ///< One line.
  std::string_view source;   ///< Paper, or where it is common.
  std::string_view knows;    ///< What it needs to be told of a job.
  std::vector<Parameter> parameters;
  Result<std::unique_ptr<Policy>> (*make)(const SettingsReader&, const PolicyContext&);
};

/// All policies, by name.
[[nodiscard]] std::span<const PolicyInfo> all_policies();

/// True for a policy that searches for the batch of every job, which is all that it has over
/// others.
[[nodiscard]] bool chooses_batches(std::string_view policy);

/// Errors: not_found if there is none of this name; suggests the nearest.
[[nodiscard]] Result<const PolicyInfo*> find_policy(std::string_view name);

/// Makes a policy. Errors: not_found as above; invalid_argument if a setting is unknown or out of
/// its range.
[[nodiscard]] Result<std::unique_ptr<Policy>> make_policy(std::string_view name,
                                                          const Settings& settings,
                                                          const PolicyContext& context);

}  // namespace bourse
