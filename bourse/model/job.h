#pragma once

#include <cstdint>
#include <string>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/model/resources.h"
#include "bourse/model/throughput.h"
#include "bourse/model/utility.h"

namespace bourse {

/// A training job as submitted. What a policy is told; how fast it really runs may differ.
struct JobSpec {
  std::string name;       ///< Unique in a workload.
  std::string group;      ///< Virtual cluster, project or user; may be empty.
  Seconds arrival{0};     ///< a_i, since the workload began.
  double samples = 1;     ///< V_i, the work: samples over all epochs; gang-seconds if rigid. > 0.
  ResourceVector worker;  ///< alpha_i, demand of one worker.
  ResourceVector server;  ///< beta_i, demand of one parameter server.
  Throughput throughput;
  Utility utility;
  int requested_workers = 1;  ///< What a policy with fixed sizes gives it; at least 1.
  int requested_servers = 0;
  Seconds restart_cost{0};  ///< Time without progress after a resume, resize or move.
  std::uint32_t line = 0;   ///< Where the job stands in its file; 0 if it came from no file.
};

/// Time of the job with its requested tasks on machines of speed 1, at the nearest locality.
/// Infinite if the requested tasks make no progress.
[[nodiscard]] Seconds requested_duration(const JobSpec& job);

/// Errors: invalid_argument if a field is out of its range; the message starts with the field.
[[nodiscard]] Result<void> validate(const JobSpec& job);

}  // namespace bourse
