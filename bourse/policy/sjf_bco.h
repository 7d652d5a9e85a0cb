#pragma once

#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/rounds.h"
#include "bourse/policy/sjf_bco_plan.h"

namespace bourse {

struct SjfBcoOptions {
  Seconds interval{600};  ///< Between two rounds, in each of which the arrivals form a batch.
  BcoOptions plan;
  int max_planned = 64;  ///< Most waiting jobs that a round plans; more take more time.
};

/// SJF-BCO: gangs with their requested tasks, never paused, placed so that the makespan is small
/// although rings that cross machines slow one another down. The paper plans one batch that is
/// there at the start; here
///  1. jobs that arrive between two rounds are a batch; batches are planned in order, each on what
///     the ones before it leave, so that a wide job is not passed by later small ones for ever;
///  2. every round plans all that wait anew (plan_batch), with the expected ends of what runs;
///  3. a job starts when its planned machines have room, unless a job planned before it waits for
///     one of them; at the end of another job the plan is followed, not made anew;
///  4. a job that arrives while nothing waits and fits starts at once. When nothing runs and the
///     plan starts nothing, jobs start in order of arrival wherever they fit.
/// Plans count GPUs (or units of the first resource); machines are checked on start. Parameter
/// servers go to the machines of the workers, else to any. Elastic jobs keep the size they request.
/// Assumes: declared work and speed; contention slows rings only in the estimates, not in the
/// simulator. Ties: by number of workers, then id; machines by id. Guarantees: nobody is paused.
/// Source: Yu et al., SJF-BCO, MobiHoc'22 (arXiv 2207.07817); online batches are ours.
/// Cost: O(bisections sizes planned jobs GPUs) a round.
class SjfBcoPolicy final : public Policy {
 public:
  explicit SjfBcoPolicy(SjfBcoOptions options) : options_(options), rounds_(options.interval) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  struct Waiting {
    JobId id;
    std::uint64_t batch;
  };
  void plan(const ClusterState& state);
  void follow(const ClusterState& state, Decision& decision);
  void start(const ClusterState& state, JobId id, FreeCapacity& free, Allocation placed,
             Decision& decision);
  void update_queue(const ClusterState& state, const Event& event);

  SjfBcoOptions options_;
  Rounds rounds_;
  std::uint64_t batch_ = 0;
  std::vector<Waiting> queue_;         ///< Jobs that wait, by arrival.
  std::vector<BcoPlacement> planned_;  ///< By planned start, of jobs that wait.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo sjf_bco_info();

}  // namespace bourse
