#include "bourse/policy/resizing.h"

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

void drop(Allocation& allocation, int TaskGroup::* role, int count) {
  while (count > 0) {
    auto fewest = allocation.end();
    for (auto group = allocation.begin(); group != allocation.end(); ++group)
      if ((*group).*role > 0 && (fewest == allocation.end() || (*group).*role <= (*fewest).*role))
        fewest = group;
    BOURSE_CHECK(fewest != allocation.end());
    const int dropped = std::min(count, (*fewest).*role);
    (*fewest).*role -= dropped;
    count -= dropped;
  }
}

/// Takes room for one more task; false if there is none.
bool add_task(FreeCapacity& free, const JobSpec& job, Allocation& allocation, bool is_worker) {
  const ResourceVector& demand = is_worker ? job.worker : job.server;
  const TaskCounts one{is_worker ? 1 : 0, is_worker ? 0 : 1};
  const auto at = std::ranges::find_if(
      allocation, [&](const TaskGroup& g) { return fits(demand, free.of(g.machine)); });
  Allocation task;
  if (at != allocation.end()) {
    task = {{at->machine, one.workers, one.servers}};
  } else {
    auto placed = place(free, job, one);
    if (!placed) return false;
    task = std::move(*placed);
  }
  free.take(job, task);
  allocation.push_back(task.front());
  normalize(allocation);
  return true;
}

}  // namespace

Allocation shrunk(const Allocation& held, TaskCounts tasks) {
  const TaskCounts now = tasks_of(held);
  Allocation left = held;
  drop(left, &TaskGroup::workers, now.workers - tasks.workers);
  drop(left, &TaskGroup::servers, now.servers - tasks.servers);
  normalize(left);
  return left;
}

Allocation grown(FreeCapacity& free, const JobSpec& job, const Allocation& held, int workers) {
  Allocation best = held;
  Allocation next = held;
  free.take(job, held);
  while (true) {
    const TaskCounts now = tasks_of(best);
    const int more = next_workers(job.throughput, now.workers);
    if (more == now.workers || more > workers) break;
    const int servers = std::max(now.servers, servers_for(job.throughput, more));
    bool fits_all = true;
    for (int n = now.workers; fits_all && n < more; ++n) fits_all = add_task(free, job, next, true);
    for (int n = now.servers; fits_all && n < servers; ++n)
      fits_all = add_task(free, job, next, false);
    if (!fits_all || declared_speed(job, next, free.cluster()) <= 0) break;
    best = next;
  }
  free.give(job, next);
  return best;
}

}  // namespace bourse
