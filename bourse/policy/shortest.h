#pragma once

#include "bourse/policy/demand_classes.h"
#include "bourse/policy/policy.h"

namespace bourse {

enum class ShortestKey {
  time,     ///< SRTF: remaining time with the requested tasks.
  service,  ///< SRSF: remaining time x GPUs requested.
};

/// Shortest remaining time (SRTF) or service (SRSF) first: at every arrival and finish all jobs are
/// sorted by the key, ties by arrival and id; each in turn gets the tasks it requested if they fit
/// and is skipped if not; running jobs that come too late are paused. It knows how much work is
/// left (an oracle, as in the simulators that use it as a yardstick) and believes the declared
/// speed. A job without GPU demand counts one a worker. Source: SRTF and SRSF as in Tiresias
/// (NSDI'19). Cost: O(1) while nothing waits, else O(jobs log jobs + jobs x machines) an event.
class ShortestPolicy final : public Policy {
 public:
  explicit ShortestPolicy(ShortestKey key) : key_(key) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  ShortestKey key_;
  DemandClasses classes_;
};

}  // namespace bourse
