#pragma once

#include <cstdint>
#include <vector>

#include "bourse/policy/policy.h"
#include "bourse/policy/pollux_search.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/rounds.h"

namespace bourse {

struct PolluxOptions {
  Seconds interval{60};  ///< Between two rounds.
  int population = 100;
  int generations = 100;
  double power = -1;  ///< p of the power mean; smaller is fairer.
  std::uint64_t seed = 1;
};

/// Pollux: every round a genetic search divides the GPUs anew by goodput.
///  1. A job's speedup is its goodput, samples a second x what each is worth at the best batch,
///  over
///     that with its fair share, ceil(GPUs / jobs) of them. A row that changes counts less, by the
///     time that its restarts have taken (restart_factor); a job that has never run loses nothing.
///  2. The search maximises the power mean of the speedups (pollux_search.h), from the plan that
///     runs and the population of the last round. A job may have twice the GPUs it ever had.
///  3. Jobs whose row changed are placed as the plan says, or packed where that does not fit.
/// Assumes: the law of every adaptive job is known, as its agent would have fitted it; of other
/// jobs the declared speed. Ties: the earlier plan. Source: Qiao et al., Pollux, OSDI'21, fitness
/// of the artifact's branch osdi21. Cost of a round: see pollux_search.
class PolluxPolicy final : public Policy {
 public:
  explicit PolluxPolicy(PolluxOptions options) : options_(options), rounds_(options.interval) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  [[nodiscard]] PolluxProblem problem_of(const ClusterState& state);
  [[nodiscard]] PolluxPlan rows_for(const ClusterState& state, const PolluxPlan& plan) const;
  [[nodiscard]] Decision plan_round(const ClusterState& state);
  [[nodiscard]] Decision apply(const ClusterState& state, const PolluxProblem& problem,
                               const PolluxPlan& plan) const;

  PolluxOptions options_;
  Rounds rounds_;
  std::vector<PolluxPlan> population_;  ///< With the rows of `ranked_`.
  std::vector<JobId> ranked_;
  std::vector<int> most_held_;  ///< GPUs, by job.
  std::uint64_t round_ = 0;
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo pollux_info();

}  // namespace bourse
