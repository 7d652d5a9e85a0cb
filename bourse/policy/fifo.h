#pragma once

#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/policy.h"

namespace bourse {

struct FifoOptions {
  bool skip = false;  ///< Jobs behind a head that does not fit may overtake it.
  PlacementRule placement = PlacementRule::pack;
};

/// First in, first out: every job gets the tasks it requested, in order of arrival, when all of
/// them fit, and keeps them until it is done. Ties by id. A strict queue waits for its head; with
/// `skip` each event walks the whole queue. Cost: O(machines) a started job; with skip O(queue)
/// more an event.
class FifoPolicy final : public Policy {
 public:
  explicit FifoPolicy(FifoOptions options) : options_(options) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  void rebuild_queue(const ClusterState& state);
  void start_what_fits(const ClusterState& state, Decision& decision);

  FifoOptions options_;
  std::vector<JobId> queue_;  ///< Waiting jobs by arrival, then id.
  std::size_t cursor_ = 0;    ///< Machine where round-robin placement goes on.
};

}  // namespace bourse
