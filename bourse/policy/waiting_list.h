#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "bourse/base/id.h"

namespace bourse {

/// Jobs that were priced out and wait for lower prices. They are looked at again in rounds: a round
/// is due when capacity was given back or a slot has begun; it takes every job once, the highest
/// rank first, over as many events as a budget makes of it. So no job starves and no event is long.
class WaitingList {
 public:
  void add(JobId job);
  /// No effect if the job does not wait.
  void remove(JobId job);
  [[nodiscard]] bool contains(JobId job) const;
  [[nodiscard]] bool empty() const { return jobs_.empty(); }
  /// By id.
  [[nodiscard]] const std::vector<JobId>& jobs() const { return jobs_; }

  /// Something changed for the better: a round is due, after the one that is running.
  void stir() { due_ = true; }
  /// True if `next` has a job to look at.
  [[nodiscard]] bool is_stirred() const { return !jobs_.empty() && (due_ || !round_.empty()); }
  /// The job to look at next; nothing when the rounds are done. A new round asks for the rank of
  /// each job (ties by id). Cost: O(1), or O(jobs log jobs) and the ranks for a new round.
  std::optional<JobId> next(const std::function<double(JobId)>& rank);

 private:
  std::vector<JobId> jobs_;   ///< By id.
  std::vector<JobId> round_;  ///< Still to be looked at, the next one last.
  bool due_ = false;
};

}  // namespace bourse
