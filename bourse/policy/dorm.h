#pragma once

#include <cstdint>
#include <vector>

#include "bourse/policy/placement.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/rounds.h"

namespace bourse {

struct DormOptions {
  Seconds interval{0};      ///< Between two rounds; 0: at every instant at which anything happens.
  double fairness = 0.1;    ///< theta1; larger gives up fairness for use of the cluster.
  double adjustment = 0.2;  ///< theta2, share of running jobs a round may resize; in [0, 1].
  int open_apps = 16;       ///< Most running jobs whose size one program decides.
  int newcomers = 16;       ///< Most newcomers in one program.
  std::int64_t nodes = 20;  ///< Of branch and bound; then the best so far, or the greedy.
  int max_workers = 0;      ///< Most workers a job is given; 0: what its throughput can use.
  PlacementRule placement = PlacementRule::pack;
};

/// Dorm: containers for every job such that the cluster is used most, with a bound on unfairness
/// and on the number of jobs that are resized.
///  1. Admission. Jobs that wait are looked at by arrival. One is admitted if its smallest size
///  fits
///     what is free together with what running jobs could give back within the bound on resizes.
///  2. A program for CBC (dorm_program.h) sets the sizes of newcomers and of running jobs: largest
///     sum of the used shares of all resources; sum |s - s*| <= 2 theta1 x resource types, s* the
///     dominant share under DRF; at most ceil(theta2 x running jobs) are resized. It is partial: of
///     the running jobs only those farthest from s* are open, the others stay as they are, and no
///     machines are in it, only their sum. If it has no solution, or none is found within the
///     nodes, the greedy of dorm_program.h decides.
///  3. Placement. Jobs that shrink leave the machines where they have fewest tasks. Newcomers are
///     placed by arrival; what has no room starts smaller or waits. Jobs that grow stay where they
///     are and get tasks near themselves, else on the tightest machines.
/// A container is a worker with its part of a server; a gang is one container. Nothing is paused.
/// Assumes: jobs can use from their smallest to their largest size. Ties: by arrival, then id.
/// Guarantees: sizes within both bounds when the program is solved; the same answer every time, as
/// no clock limits it. Source: Sun et al., Dorm, SmartComp'17 (arXiv 1704.06738), but for the
/// fairness bound, which is not rounded up, and for admission one by one in place of all or none.
/// Cost: a program of at most 3 (open + newcomers) columns a round; none while all jobs are gangs.
class DormPolicy final : public Policy {
 public:
  explicit DormPolicy(DormOptions options) : options_(options), rounds_(options.interval) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  DormOptions options_;
  Rounds rounds_;
  std::size_t cursor_ = 0;  ///< Where dealing round the machines goes on.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo dorm_info();

}  // namespace bourse
