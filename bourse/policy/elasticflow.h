#pragma once

#include <optional>
#include <vector>

#include "bourse/policy/deadline.h"
#include "bourse/policy/elastic_plan.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// Which jobs are turned away if their deadline cannot be kept.
enum class ElasticDecline : std::uint8_t {
  hard,  ///< Those that are worth nothing after it.
  all,   ///< All that have one.
  none,  ///< Nobody: they run as what room is left allows.
};

struct ElasticFlowOptions {
  Seconds slot{600};  ///< Length of a slot of the calendar; > 0. Shorter is finer and slower.
  ElasticDecline decline = ElasticDecline::hard;
  bool grow = true;   ///< What is idle goes to elastic jobs at the end of each slot.
  double margin = 0;  ///< Share of its work that a job is planned to do in addition, >= 0.
};

/// Deadlines with elastic workers. It assumes the work of each job, its speed at each size, and the
/// deadline that its utility states (deadline.h).
/// Steps: a job that comes with a deadline is admitted if its minimum satisfactory share
/// (least_share) fits the calendar, as it is or after all admitted jobs are planned anew in order
/// of deadline; admitted jobs keep what they were promised. Others are declined, or run as what
/// room is left allows, like jobs without a deadline. In each slot admitted jobs get their planned
/// size, by deadline; then the others run at their smallest size, those that run already first, by
/// deadline and arrival; then, with `grow`, again and again the elastic job whose time shrinks most
/// per GPU gets its next size. Between slots sizes only change to make room. When a job is behind
/// its plan at the start of a slot, or machines change, all are planned again; who cannot be on
/// time any more goes on without a promise. Ties by arrival, then id. Guarantee: the promises of
/// all admitted jobs fit the cluster's total amounts in every slot. Machines may be too fragmented
/// for them, restarts are not planned for; `margin` makes room for both. Source: Gu et al.,
/// ElasticFlow, ASPLOS'23. The paper's buddy placement is replaced by Repacking. Cost: an arrival
/// O(sizes x slots) if it fits as is, else that for each admitted job; a slot O(jobs x machines).
class ElasticFlowPolicy final : public Policy {
 public:
  explicit ElasticFlowPolicy(ElasticFlowOptions options) : options_(options), book_(options.slot) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  /// Of one job, by id.
  struct Known {
    std::vector<ElasticSize> sizes;
    Deadline deadline;
    bool is_promised = false;
    ElasticPlan plan;  ///< If promised.
  };
  struct Target;

  [[nodiscard]] double work_left(const ClusterState& state, JobId id) const;
  [[nodiscard]] bool enter(const ClusterState& state, JobId id);
  [[nodiscard]] std::optional<Decision> start_newcomer(const ClusterState& state, JobId id) const;
  [[nodiscard]] Seconds next_wake(const ClusterState& state, const Decision& decision) const;
  [[nodiscard]] bool admit(const ClusterState& state, JobId id);
  bool plan_all(const ClusterState& state, std::vector<JobId> jobs, bool drop_who_is_late);
  [[nodiscard]] std::vector<JobId> promised(const ClusterState& state) const;
  void set_capacity(const ClusterState& state);
  [[nodiscard]] bool somebody_is_behind(const ClusterState& state) const;
  [[nodiscard]] int held_size(const ClusterState& state, JobId id) const;
  [[nodiscard]] std::vector<Target> targets(const ClusterState& state, bool may_grow) const;
  void grow(const ClusterState& state, std::vector<Target>& targets, ResourceVector& free) const;
  [[nodiscard]] Decision enact(const ClusterState& state, bool may_grow) const;
  void forget(JobId id);

  ElasticFlowOptions options_;
  SlotBook book_;
  std::vector<Known> known_;   ///< By job.
  std::int64_t entered_ = -1;  ///< Last slot whose sizes were given out.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo elasticflow_info();

}  // namespace bourse
