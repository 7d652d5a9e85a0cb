#pragma once

#include "bourse/model/job.h"

namespace bourse {

/// When a job should be done.
struct Deadline {
  Seconds time = kForever;  ///< Since the start; kForever: it has none.
  bool is_hard = false;     ///< Worth nothing once it has passed.
};

/// The deadline that a utility states, on the arrival of the job: that of a deadline utility unless
/// nothing is lost after it; where a decay reaches 0, or comes to rest above 0; the midpoint of a
/// sigmoid (soft). A utility that never falls has none. Source: ours.
[[nodiscard]] Deadline deadline_of(const JobSpec& job);

}  // namespace bourse
