#pragma once

#include "bourse/policy/in_order.h"
#include "bourse/policy/registry.h"

namespace bourse {

struct GandivaOptions {
  Seconds quantum{60};  ///< Length of a time slice while jobs wait, restarts aside; > 0.
  bool grow = false;    ///< Elastic jobs take what is idle on their machine while nobody waits.
};

/// Time slicing as in Gandiva. It assumes nothing of a job but the tasks it requested.
/// Steps: a job that arrives starts if it fits. While jobs wait, slices end every `quantum`: the
/// jobs that wait come first, the one that waited longest at the head, then the running ones, the
/// one that got on last at the head; each in turn runs if it fits beside those before it. Between
/// slices only what becomes free is given out, in the same order. Running jobs move to make room
/// for one before them: that is the migration which mends fragments. With `grow`, while nobody
/// waits, elastic jobs take what is idle on the machine they are alone on at the end of a slice,
/// and give it back when somebody waits. Ties by arrival, then id. Modelled: slicing, migration,
/// growing; jobs that demand parts of a GPU are packed on one as far as their demands fit. Not
/// modelled: two jobs that each demand a whole GPU never share it, since no trace says how much
/// they would slow each other down; with profiles of pairs Gandiva would. Guarantee: a job that
/// waits is tried first at every end of a slice, on a cluster where nobody but those who waited
/// longer stands before it; so everybody runs again and again. Source: Xiao et al., Gandiva,
/// OSDI'18. A switch costs the job's restart cost. Cost: O(jobs log jobs + jobs x machines) a slice
/// while jobs wait.
class GandivaPolicy final : public Policy {
 public:
  explicit GandivaPolicy(GandivaOptions options) : options_(options) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  [[nodiscard]] Decision rotate(const ClusterState& state);
  [[nodiscard]] Decision grow(const ClusterState& state) const;

  GandivaOptions options_;
  DemandClasses classes_;
  Seconds slice_end_ = kForever;  ///< kForever: no slice is under way.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo gandiva_info();

}  // namespace bourse
