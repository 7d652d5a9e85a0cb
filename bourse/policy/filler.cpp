#include "bourse/policy/filler.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/rates.h"

namespace bourse {
namespace {

/// The largest number of workers from `low` to `high` that can be placed no farther apart than
/// `farthest`; more workers never fit where fewer do not.
std::optional<Allocation> largest(const FreeCapacity& free, const JobSpec& job, int low, int high,
                                  Locality farthest) {
  const auto try_size = [&](int workers) -> std::optional<Allocation> {
    std::optional<Allocation> placed =
        place(free, job, {workers, servers_for(job.throughput, workers)});
    if (placed && locality_of(*placed, free.cluster()) > farthest) placed.reset();
    return placed;
  };
  std::optional<Allocation> best = try_size(low);
  if (!best) return best;
  while (low < high) {
    const int middle = low + (high - low + 1) / 2;
    if (std::optional<Allocation> placed = try_size(middle)) {
      best = std::move(placed);
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return best;
}

}  // namespace

std::optional<Allocation> largest_placement(const FreeCapacity& free, const JobSpec& job,
                                            double enough) {
  const int least = min_workers(job.throughput);
  const auto most_at = [&](Locality locality) {
    const std::optional<TaskCounts> tasks = tasks_for_rate(job.throughput, enough, locality);
    return tasks ? std::max(least, tasks->workers) : max_workers(job.throughput);
  };
  std::optional<Allocation> near =
      largest(free, job, least, most_at(Locality::machine), Locality::machine);
  if (near && rate_of(job, *near, free.cluster()) >= enough) return near;
  std::optional<Allocation> far =
      largest(free, job, least, most_at(Locality::cluster), Locality::cluster);
  const auto rate = [&](const std::optional<Allocation>& placed) {
    return placed ? rate_of(job, *placed, free.cluster()) : 0.0;
  };
  if (rate(far) > rate(near)) return far;
  return rate(near) > 0 ? near : std::nullopt;
}

}  // namespace bourse
