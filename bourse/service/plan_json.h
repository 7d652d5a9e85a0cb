#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bourse/policy/policy.h"

namespace bourse {

/// A plan for the store: [[from, to, [[machine, workers, servers], ...]], ...].
[[nodiscard]] std::string plan_json(const std::vector<PlannedSlot>& plan);
/// Reads it back for this job. A text that is no such JSON gives no plan.
[[nodiscard]] std::vector<PlannedSlot> parse_plan(std::string_view text, JobId job);

}  // namespace bourse
