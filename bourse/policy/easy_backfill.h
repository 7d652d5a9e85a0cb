#pragma once

#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/registry.h"

namespace bourse {

struct EasyBackfillOptions {
  /// The run time that a user states over the true one at the declared speed, > 0. Below 1 jobs
  /// outlast their estimates; they are not ended for it.
  double estimate_factor = 1;
  int depth = 0;  ///< Jobs behind the head that may be tried in one go; 0: all.
};

/// First in, first out with EASY backfilling, what a Slurm cluster does by default: the head of the
/// queue has a reservation, and others may overtake it if they do not delay that.
/// It is told the tasks requested and an estimate of the run time: requested_duration times
/// `estimate_factor`, an oracle at 1.
/// Steps, at every event: jobs start in order of arrival while they fit. The first that does not is
/// the head: the running jobs are taken to end at their estimates (one that is overdue: now), and
/// the head is placed at the earliest of these times at which it fits. A later job starts if it
/// fits now, and either ends by then or leaves the machines of the reservation free. Running jobs
/// are never paused. Ties by arrival, then id. Guarantee: if no estimate is too short and machines
/// do not fail, the head starts no later than when it first got its reservation. Source: Lifka, The
/// ANL/IBM SP scheduling system, 1995 (EASY); Mu'alem and Feitelson, 2001; Slurm's sched/backfill
/// with bf_max_job_test as `depth`. Cost: O(M) while nobody waits, else O((R + M) log R + queue x
/// M) an event, R running jobs and M machines.
class EasyBackfillPolicy final : public Policy {
 public:
  explicit EasyBackfillPolicy(EasyBackfillOptions options) : options_(options) {}
  Decision decide(const ClusterState& state, const Event& event) override;

  /// A job that holds machines until it is expected to end.
  struct Ending {
    Seconds end;
    JobId job;
    const Allocation* allocation;
  };

 private:
  /// Of running jobs and of those the decision starts, by time, then id.
  [[nodiscard]] std::vector<Ending> endings(const ClusterState& state,
                                            const Decision& decision) const;
  [[nodiscard]] Seconds estimate(const JobSpec& job) const;

  EasyBackfillOptions options_;
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo easy_backfill_info();

}  // namespace bourse
