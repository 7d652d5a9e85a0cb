#pragma once

#include <optional>
#include <span>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/policy/ledger.h"
#include "bourse/policy/state.h"

namespace bourse {

/// Free amounts of all machines as a scratch copy that placements are tried on.
class FreeCapacity {
 public:
  /// What is free now.
  explicit FreeCapacity(const ClusterState& state);
  /// What is not booked in a slot.
  FreeCapacity(const Ledger& ledger, SlotIndex slot);

  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }
  [[nodiscard]] std::size_t machine_count() const { return machine_count_; }
  [[nodiscard]] std::span<const Amount> of(MachineId id) const {
    return {amounts_.data() + id.index() * types_, types_};
  }
  void take(const JobSpec& job, std::span<const TaskGroup> allocation) { add(job, allocation, -1); }
  void give(const JobSpec& job, std::span<const TaskGroup> allocation) { add(job, allocation, +1); }
  /// Leaves on each machine what is free here and there.
  void cap_by(const FreeCapacity& other);
  /// Takes the machines of all other classes out: nothing fits there any more.
  void keep_class(std::uint32_t class_index);
  /// True if the whole allocation is free.
  [[nodiscard]] bool has(const JobSpec& job, std::span<const TaskGroup> allocation) const;

 private:
  void add(const JobSpec& job, std::span<const TaskGroup> allocation, std::int64_t sign);

  const Cluster* cluster_;
  std::size_t types_;
  std::size_t machine_count_;
  std::vector<Amount> amounts_;  ///< Machine-major; negative where two reservations overlap.
};

enum class PlacementRule {
  pack,         ///< The fullest single machine that holds all; else the fewest machines.
  round_robin,  ///< Tasks one by one over the machines, as the baselines of the PD-ORS paper.
};

/// Places all tasks of the job or nothing.
///
/// pack: the machine with the least left over that holds everything, ties by id; else workers go to
/// the machines with room for the most of them, servers first beside those workers; if those find
/// no room, servers go first. Complete for jobs of one role, not for two.
/// round_robin: one task a machine from machine `start` on, workers before servers, round and
/// round; pack if that makes no progress.
/// Tasks that are spread make progress: where a measured table has no speed for tasks so far apart,
/// they are kept within the first rack with room, or not placed.
/// Cost: O(machines x resource types) for one machine; O(machines log machines) when spread.
[[nodiscard]] std::optional<Allocation> place(const ClusterState& state, const JobSpec& job,
                                              TaskCounts tasks,
                                              PlacementRule rule = PlacementRule::pack,
                                              std::size_t start = 0);
[[nodiscard]] std::optional<Allocation> place(const FreeCapacity& free, const JobSpec& job,
                                              TaskCounts tasks,
                                              PlacementRule rule = PlacementRule::pack,
                                              std::size_t start = 0);

}  // namespace bourse
