#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// Decides anew who runs where, job by job in the order of a policy, and disturbs running jobs only
/// where an earlier job needs their room.
///
/// It keeps two scratch copies: `open`, what is left by the jobs decided so far, and `calm`, the
/// same less what running jobs hold that are still undecided. A job is placed in calm room if it
/// can be, else in open room; a running job keeps its place if that is still open, else it moves or
/// pauses.
class Repacking {
 public:
  explicit Repacking(const ClusterState& state);

  /// Gives the job these tasks if they fit; a job that holds just as many keeps its machines if it
  /// can. False: it does not run, unless a later call for it succeeds. No call after one that did.
  bool try_run(JobId id, TaskCounts tasks);
  /// The same on machines of one class alone.
  bool try_run_on(JobId id, TaskCounts tasks, std::uint32_t class_index);

  /// The differences to what runs now, by job, with a reason for each and for jobs that came just
  /// now and wait. Running jobs that try_run did not place are paused. Call once, at the end.
  [[nodiscard]] Decision decision();

 private:
  bool try_run(JobId id, TaskCounts tasks, std::optional<std::uint32_t> class_index);
  void grant(JobId id, Allocation allocation);
  [[nodiscard]] bool was_refused(JobId id) const;

  const ClusterState* state_;
  FreeCapacity open_;
  FreeCapacity calm_;
  std::vector<Change> granted_;
  std::vector<bool> refused_;  ///< By job: whose machines `calm_` has got back already.
};

}  // namespace bourse
