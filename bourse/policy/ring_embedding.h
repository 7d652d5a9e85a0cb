#pragma once

#include <optional>
#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// Room on machines and on their links, of which a job that spans several machines reserves a part
/// on each.
class EmbeddingRoom {
 public:
  EmbeddingRoom(FreeCapacity free, BytesPerSecond link)
      : free_(std::move(free)), link_(free_.machine_count(), link.value) {}

  [[nodiscard]] const FreeCapacity& free() const { return free_; }
  void take(const JobSpec& job, const Allocation& allocation) { change(job, allocation, -1); }
  void give(const JobSpec& job, const Allocation& allocation) { change(job, allocation, +1); }
  /// True if the allocation has room on its machines and links.
  [[nodiscard]] bool has(const JobSpec& job, const Allocation& allocation) const;

  /// Where `tasks` of the job could go: on top of `now` (which must be given back) on one machine
  /// of it; else on one machine, the tightest for a gang and the emptiest for a job that may grow;
  /// else on the machines with the most room, within a rack where only that makes progress.
  /// Cost: O(machines) on one machine, O(machines log machines) beyond.
  [[nodiscard]] std::optional<Allocation> embed(const JobSpec& job, TaskCounts tasks,
                                                const Allocation& now);

 private:
  void change(const JobSpec& job, const Allocation& allocation, int sign);
  [[nodiscard]] std::optional<Allocation> grow(const JobSpec& job, TaskCounts tasks,
                                               const Allocation& now) const;
  [[nodiscard]] std::optional<Allocation> on_one_machine(const JobSpec& job,
                                                         TaskCounts tasks) const;
  [[nodiscard]] std::optional<Allocation> spread(const JobSpec& job, TaskCounts tasks,
                                                 std::optional<std::uint32_t> rack);

  FreeCapacity free_;
  std::vector<double> link_;  ///< Bytes per second left, by machine.
};

/// What the job reserves on each machine's link when it spans several; 0 for gangs and tables.
[[nodiscard]] BytesPerSecond link_demand(const JobSpec& job);

}  // namespace bourse
