#pragma once

#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/rounds.h"

namespace bourse {

/// Concave utility of the share of its work that a job has done, in [0, 1].
enum class GadgetUtility {
  linear,       ///< z: speed alone counts.
  square_root,  ///< sqrt(z): what comes first counts more.
  logarithm,    ///< ln(1 + 9 z) / ln 10: more so at the very start.
};
enum class GadgetWeight {
  equal,  ///< Every job alike.
  value,  ///< By what completing the job at once is worth.
};

struct GadgetOptions {
  Seconds slot{600};          ///< Shorter slots re-embed more often.
  bool gangs_at_once = true;  ///< Gangs need not wait for a slot to start.
  GadgetUtility utility = GadgetUtility::square_root;
  GadgetWeight weight = GadgetWeight::equal;
  /// Of each machine, up and down each; rings over several machines reserve their `rate_across`
  /// there.
  BytesPerSecond link{kForever.value};
};

/// GADGET: in every slot, which rings run and how large they are, by greedy marginal utility.
///  1. All jobs begin the slot with nothing. The utility of a ring in this slot is what its
///     progress adds to the utility of its total progress; a job that has to move or resize loses
///     its restart cost, but at most nine tenths of the slot.
///  2. Again and again the step with the largest added utility per dominant share (of the cluster's
///     resources and link bandwidth) is taken: a job starts at its smallest size (one that runs
///     stays as it is, in one step, while that is still open), or goes to its next larger one. It
///     is embedded where it is, else on one machine, else on the machines with the most room, which
///     must have its bandwidth free on their links. A step that fits nowhere is dropped.
///  3. If one job alone in the cluster would add more than all of these together, it is embedded
///     first and the rest follows by 2.
/// Calm: room that running jobs hold is touched only if there is no other.
/// Gangs have one size. Jobs with parameter servers and tables grow by workers with the servers
/// they need; they reserve `rate_across` of parameter servers, a table or gang nothing.
/// Assumes: declared work and speed; links that nobody else uses. Ties: by arrival, then id.
/// Guarantees: one embedding a job and slot, within capacities and links. If each slot's choice is
/// within a factor beta of the best, all slots together are within 1 / (1 + beta) (monotone
/// submodular over a partition matroid; Fisher, Nemhauser and Wolsey, 1978).
/// Source: Yu et al., GADGET, INFOCOM'22; the greedy is our reading of it.
/// Cost: O(steps (log jobs + machines)) a slot.
class GadgetPolicy final : public Policy {
 public:
  explicit GadgetPolicy(GadgetOptions options) : options_(options), rounds_(options.slot) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  GadgetOptions options_;
  Rounds rounds_;
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo gadget_info();

}  // namespace bourse
