#include "bourse/policy/gpu_slots.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/job_sizes.h"

namespace bourse {

std::size_t slot_resource(const Cluster& cluster) { return cluster.types.find("gpu").value_or(0); }

int gpus_per_worker(const Cluster& cluster, const JobSpec& job) {
  const Amount demand = job.worker[slot_resource(cluster)];
  return static_cast<int>(std::max<Amount>(1, (demand + kAmountsPerUnit - 1) / kAmountsPerUnit));
}

int gpus_on(const ClusterState& state, MachineId machine) {
  if (!state.is_up(machine)) return 0;
  const Amount capacity = state.cluster().capacity(machine)[slot_resource(state.cluster())];
  return static_cast<int>(capacity / kAmountsPerUnit);
}

Allocation place_shrinking(const FreeCapacity& free, const JobSpec& job, int workers) {
  const int least = min_workers(job.throughput);
  for (int n = workers; n >= least; n = n == least ? 0 : std::max(least, n / 2))
    if (auto placed = place(free, job, bundle(job, n))) return std::move(*placed);
  return {};
}

Decision with_best_batches(const ClusterState& state, Decision decision) {
  for (Change& change : decision.changes) {
    const auto* law = std::get_if<AdaptiveThroughput>(&state.spec(change.job).throughput);
    if (law == nullptr || change.allocation.empty()) continue;
    change.batch =
        best_batch(*law, tasks_of(change.allocation).workers, change.allocation.size() > 1,
                   slowest_speed(change.allocation, state.cluster()));
  }
  return decision;
}

}  // namespace bourse
