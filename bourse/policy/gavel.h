#pragma once

#include <span>
#include <vector>

#include "bourse/policy/demand_classes.h"
#include "bourse/policy/gavel_shares.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/repacking.h"

namespace bourse {

struct GavelOptions {
  GavelObjective objective = GavelObjective::max_min;
  Seconds round{360};  ///< Length of a round, restarts aside; > 0.
  Seconds reset_after{
      1920};  ///< Time received is forgotten when shares change, at most this often.
  /// Room that the shares leave goes to jobs that fit, also between rounds. Without it jobs wait
  /// for a round that is theirs.
  bool fill = true;
};

/// Shares of time on machine classes by an objective, met by rounds.
/// It assumes the tasks requested and how fast they are on each class; finish_time_fairness and
/// makespan also read the work that is left.
/// Steps: at the end of a round, if jobs or machines have changed, shares are decided anew
/// (gavel_shares). Each pair of a job and a class has the priority share / part of the time that
/// the job was there; pairs are read by priority, then by the time that is owed, then by share,
/// then by arrival and id; a job runs on the first class on which it fits beside those before it,
/// on its old machines where it can. A job that fits no class alone has an equal part of the whole
/// cluster. With `fill`, jobs that are left run where they fit, by arrival, the fastest class
/// first. While nobody waits and everybody is on the fastest class, there are no rounds. Guarantee:
/// shares are exact (fair_shares.h); over many rounds of the same jobs the time received tends to
/// them as far as whole jobs and machines allow. Source: Narayanan et al., Gavel, OSDI'20. Cost: a
/// round O(J K (log(J K) + M)) and, after a change, O(J K^2) a price; J jobs, K classes.
class GavelPolicy final : public Policy {
 public:
  explicit GavelPolicy(GavelOptions options) : options_(options) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  /// Of one job, by id.
  struct Account {
    std::vector<double> received;  ///< Seconds on each class since the reset, then on several.
    Seconds counted_from{0};       ///< Where the parts of time begin: its arrival or the reset.
    double samples_seen = 0;       ///< At the last end of a round.
    double isolated_rate = 0;      ///< As of then.
  };

  void enter(const ClusterState& state, JobId id);
  void settle_job(const ClusterState& state, JobId id);
  void settle(const ClusterState& state);
  void decide_shares(const ClusterState& state);
  void run_round(const ClusterState& state, Repacking& repacking, std::vector<JobId>& left);
  void fill_round(const ClusterState& state, Repacking& repacking, std::span<const JobId> left);
  [[nodiscard]] Decision plan_round(const ClusterState& state);
  [[nodiscard]] Decision fill_between(const ClusterState& state);
  [[nodiscard]] std::vector<std::uint32_t> classes_by_speed(const ClusterState& state,
                                                            const JobSpec& job) const;
  [[nodiscard]] bool needs_rounds(const ClusterState& state, const Decision& decision) const;

  GavelOptions options_;
  DemandClasses classes_;
  std::vector<Account> accounts_;      ///< By job.
  std::vector<GavelHistory> history_;  ///< By job.
  std::vector<JobId> shared_;          ///< Whom `shares_` is for.
  std::vector<double> shares_;         ///< Job-major; a last column for several classes at once.
  bool is_dirty_ = true;
  Seconds round_end_ = kForever;
  Seconds settled_at_{0};
  Seconds reset_at_ = kForever;  ///< kForever: nobody has come yet.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo gavel_info();

}  // namespace bourse
