#pragma once

#include <vector>

#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/rounds.h"
#include "bourse/policy/sia_program.h"

namespace bourse {

struct SiaOptions {
  Seconds interval{60};   ///< Between two rounds.
  double power = -0.5;    ///< p of the cost; nearer to 0 favours small jobs less.
  double starving = 1.1;  ///< lambda; larger lets fewer jobs starve.
  double gap = 0.01;      ///< Of the integer program; smaller takes longer.
};

/// Sia: every round an integer program chooses a class of machines and a number of GPUs for each
/// job.
///  1. The choices of a job are 1, 2, 4, ... workers on one machine of a class, and whole machines;
///     a gang has its size on each class. A job that has run may at most double. Their worth is the
///     goodput at the best batch, times the restart factor for all but the one it has.
///  2. sia_choices picks one or none for each (sia_program.h).
///  3. Jobs whose choice did not change stay. The others are placed from the largest on, in their
///     class, then anywhere, then smaller; jobs without a choice that fit no class alone run where
///     room is left.
/// Assumes: the law of every adaptive job on every class is known; of other jobs the declared
/// speed. Ties: by arrival, then id. Source: Jayaram Subramanya et al., Sia, SOSP'23, and its
/// artifact. Cost of a round: an integer program of jobs x choices binaries, solved to the gap.
class SiaPolicy final : public Policy {
 public:
  explicit SiaPolicy(SiaOptions options) : options_(options), rounds_(options.interval) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  [[nodiscard]] std::vector<SiaChoice> choices_of(const ClusterState& state, JobId id) const;
  [[nodiscard]] Decision plan_round(const ClusterState& state) const;

  SiaOptions options_;
  Rounds rounds_;
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo sia_info();

}  // namespace bourse
