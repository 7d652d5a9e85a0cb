#pragma once

#include <functional>
#include <span>

#include "apps/bourse/runs.h"
#include "bourse/offline/upper_bound.h"

namespace bourse {

/// The outages as the bound knows them.
[[nodiscard]] std::vector<CapacityLoss> losses_of(std::span<const Outage> outages);

/// The instance as it truly runs with this seed: arrivals with jitter, and the work of each job
/// over its true speed.
[[nodiscard]] Instance true_instance(const RunPlan& plan, std::uint64_t seed);

/// Gives each run of the plan the bound of the very instance it ran on: arrivals, outages and true
/// speeds of its seed. `on_progress` is called with the share of the work done, in [0, 1]. A run
/// that earned more than its bound is a defect, and stops the program.
void add_bounds(const RunPlan& plan, const UpperBoundOptions& options, std::span<RunReport> runs,
                const std::function<void(double)>& on_progress);

}  // namespace bourse
