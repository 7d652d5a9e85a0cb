#pragma once

#include <cstdint>
#include <span>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/trace/generator_options.h"

namespace bourse {

/// Options of the generator; the table philly_like_option_rows() gives unit, limits and meaning.
struct PhillyLikeOptions {
  double machines = 64;
  double gpus_per_machine = 8;
  double days = 1;
  double load = 1;
  double jobs = 0;
  double max_gpus = 32;
  double max_duration = 86400;
};

/// Name, unit, range and meaning of every option, in the order in which they are shown.
[[nodiscard]] std::span<const OptionRow<PhillyLikeOptions>> philly_like_option_rows();

/// Rigid gangs whose arrivals, sizes and durations follow a slice of the Philly trace, on equal
/// machines in one rack, with utilities by the rule of assign_utilities. Times are exact: no slot,
/// no horizon. The fit and how good it is: docs/traces.md.
///
/// Arrivals alternate between calm times and sweeps, in which hundreds of jobs an hour arrive; gaps
/// and durations are drawn from the quantiles of either state, a gang's duration from its own. The
/// gaps are scaled so that the jobs fill the days, then bent to the hours of the day.
/// Without `jobs`, jobs are added until they offer load * (GPUs of the cluster) * days.
/// Errors: invalid_argument if more than a million jobs would be needed.
[[nodiscard]] Result<Workload> generate_philly_like(const PhillyLikeOptions& options,
                                                    std::uint64_t seed);

}  // namespace bourse
