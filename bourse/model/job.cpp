#include "bourse/model/job.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace bourse {

Seconds requested_duration(const JobSpec& job) {
  const double rate = samples_per_second(
      job.throughput, {job.requested_workers, job.requested_servers}, Locality::machine);
  return rate > 0 ? Seconds(job.samples / rate) : kForever;
}

Result<void> validate(const JobSpec& job) {
  if (job.name.empty()) return invalid("field 'id': is empty; give every job a name");
  if (!std::isfinite(job.arrival.value) || job.arrival.value < 0)
    return invalid("field 'arrival': must be a time of at least 0");
  if (!std::isfinite(job.samples) || job.samples <= 0)
    return invalid("field 'work': must be above 0");
  if (!std::isfinite(job.restart_cost.value) || job.restart_cost.value < 0)
    return invalid("field 'restart_cost': must be a duration of at least 0");
  if (job.requested_workers < 1 || job.requested_workers > kMaxWorkers)
    return invalid("field 'requested.workers': must be from 1 to 1000000");
  if (job.requested_servers < 0 || job.requested_servers > kMaxWorkers)
    return invalid("field 'requested.servers': must be from 0 to 1000000");
  if (const auto ok = validate(job.throughput); !ok)
    return invalid(fmt::format("field 'throughput': {}", ok.error().message));
  if (const auto ok = validate(job.utility); !ok)
    return invalid(fmt::format("field 'utility': {}", ok.error().message));
  if (std::ranges::all_of(job.worker, [](Amount a) { return a == 0; }))
    return invalid("field 'worker': must demand something");
  if (!std::isfinite(requested_duration(job).value))
    return invalid("field 'requested': these tasks make no progress");
  return {};
}

}  // namespace bourse
