#pragma once

#include "bourse/policy/policy.h"

namespace bourse {

enum class DrfShareOf {
  job,    ///< Every job has a share of its own.
  group,  ///< Jobs of one group (virtual cluster, user) share one; inside it jobs are equals.
};

struct DrfOptions {
  DrfShareOf share_of = DrfShareOf::job;
  Seconds interval{0};  ///< Time between two divisions; 0: at every event.
  int max_workers = 0;  ///< Most workers a job is given; 0: what its throughput can use.
};

/// Dominant resource fairness by progressive filling: again and again the job with the smallest
/// dominant share (or a job of the group with the smallest) gets one more task that fits; a job
/// whose next task does not fit is out. A task is one worker with the parameter servers it brings
/// along, or the whole gang of a rigid job. Ties by arrival, then id. Shares are of the whole
/// cluster, machines that are down included. Everything is divided anew at every event (or
/// interval); a job that is left with as many tasks as it holds keeps its machines where possible.
/// Source: Ghodsi et al., NSDI'11.
/// Cost: O(tasks (log jobs + resource types) + tasks placed x machines).
class DrfPolicy final : public Policy {
 public:
  explicit DrfPolicy(DrfOptions options) : options_(options) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  DrfOptions options_;
  Seconds next_{0};
};

}  // namespace bourse
