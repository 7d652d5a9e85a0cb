#pragma once

#include <cstdint>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/model/workload.h"

namespace bourse {

/// How jobs of a trace get a utility; no trace records one. docs/traces.md gives the reasons.
struct UtilityRule {
  double value_min = 1;  ///< theta_1 per GPU-hour, uniform in [value_min, value_max]; >= 0.
  double value_max = 100;
  /// The value is theta_1 * (GPU-hours of the job)^size_exponent: 1 prices each GPU-hour alike, 0
  /// makes a job of a minute worth as much as one of a week.
  double size_exponent = 1;
  double share_insensitive = 0.10;  ///< Of jobs, time-insensitive (steepness 0).
  double share_critical = 0.35;     ///< Of jobs, time-critical; the rest is time-sensitive.
  /// Midpoint and steepness are relative to the duration of the job or this, whichever is longer.
  Seconds shortest{600};
  double midpoint_min = 1.5;  ///< theta_3 in durations.
  double midpoint_max = 5;
  double sensitive_min = 0.05;  ///< theta_2 per duration of a time-sensitive job.
  double sensitive_max = 5;
  double critical_min = 20;  ///< theta_2 per duration of a time-critical job.
  double critical_max = 30;
};

/// Jobs by what the rule made of them.
struct UtilityCounts {
  std::uint64_t insensitive = 0;
  std::uint64_t sensitive = 0;
  std::uint64_t critical = 0;
  std::uint64_t deadline = 0;  ///< They had a deadline, which they keep.
  std::uint64_t kept = 0;      ///< They had a utility, which is unchanged.
};

/// Gives a sigmoid utility to each job without one, that is with a constant of 1, the default; and
/// a value to each job with a deadline of value 1, which is what the readers give. Draws are
/// addressed by (seed, Purpose::utility, position of the job). Source: the shares and theta_1 of
/// the paper's experiments; the rest is ours (docs/traces.md). Errors: invalid_argument if a range
/// is upside down or the shares exceed 1.
[[nodiscard]] Result<UtilityCounts> assign_utilities(Workload& workload, std::uint64_t seed,
                                                     const UtilityRule& rule = {});

/// GPU-hours that the job takes with its requested workers; its worker-hours if no worker has a
/// GPU.
[[nodiscard]] double gpu_hours(const Workload& workload, const JobSpec& job);

}  // namespace bourse
