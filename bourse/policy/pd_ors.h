#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bourse/policy/ledger.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/prices.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/schedule_search.h"

namespace bourse {

struct PdOrsOptions {
  SearchOptions search;
  double floor_quantile = 0;     ///< See BoundsOptions::quantile.
  bool density_ceiling = false;  ///< See BoundsOptions::density_ceiling.
  bool normalized_units = true;  ///< Price shares of a machine, not amounts.
  /// Fixed bounds instead of learned ones: (lowest, highest) of every resource.
  std::optional<std::pair<double, double>> fixed_bounds;
};

/// PD-ORS: a primal-dual online scheduler. Every machine, resource and slot has a price that grows
/// exponentially with what is booked on it. On arrival of a job:
///  1. U and L are learned from the jobs seen so far, the new one included;
///  2. the schedule with the largest payoff, utility less the price of what it takes, is found at
///     frozen prices (schedule_search.h): how many workers and servers, on which machines, in which
///     slots, until which completion;
///  3. payoff > 0: the job is admitted and its schedule booked, which raises prices; else it is
///     declined for good.
/// Then it is a matter of keeping promises: each slot runs what is booked; a job that ends early
/// gives back the rest; a job that is late, or loses a machine, is planned again for the work that
/// is left at the prices of the day, whatever they are; it waits while there is no room at all.
/// Assumes: declared speeds; jobs may be resized, moved and paused between slots.
/// Ties: events in their order; equal prices by machine id.
/// Guarantees: no machine is ever over-booked; every admitted job had a positive payoff; no
/// decision depends on jobs that come later. With exact theta and small jobs the total utility is
/// within 2 max_r(1, ln(U^r / L)) of the best possible. Source: Yu, Liu, Wu, Ji, Bentley (2021).
class PdOrsPolicy final : public Policy {
 public:
  explicit PdOrsPolicy(PdOrsOptions options) : options_(std::move(options)) {}
  Decision decide(const ClusterState& state, const Event& event) override;

  /// Work done so far, for benchmarks.
  [[nodiscard]] const SlotCostCounters& counters() const { return counters_; }
  /// From now on the time of each phase is taken with this clock (seconds); results do not change.
  void time_phases(double (*stopwatch)()) { counters_.stopwatch = stopwatch; }
  /// What is booked; null before the first event.
  [[nodiscard]] const Ledger* ledger() const { return ledger_ ? &*ledger_ : nullptr; }
  /// Bounds of the prices in force. Requires that a job has arrived.
  [[nodiscard]] PriceBounds bounds() const;

 private:
  struct Admitted {
    JobId job;
    std::vector<ScheduledSlot> slots;  ///< By slot; those before the current one are spent.
    std::size_t next = 0;              ///< First that is not spent.
  };

  void start(const ClusterState& state);
  [[nodiscard]] bool arrive(const ClusterState& state, JobId id, Decision& decision);
  void finish(const ClusterState& state, JobId id);
  void lose_machine(const ClusterState& state, MachineId machine, Decision& decision);
  void plan_rest(const ClusterState& state, Admitted& job, Seconds from, double samples_left,
                 Decision& decision);
  /// A late job goes on where it is, without a restart, if all slots it still needs have room
  /// there.
  [[nodiscard]] bool stay(const ClusterState& state, Admitted& job, Decision& decision);
  void replan_late_jobs(const ClusterState& state, Decision& decision);
  void enact(const ClusterState& state, Decision& decision);
  void enact_one(const ClusterState& state, const Admitted& job, Decision& decision);
  [[nodiscard]] Admitted& find(JobId id);
  /// True if no admitted job has a slot from now on.
  [[nodiscard]] bool nothing_is_booked() const;
  void release(const ClusterState& state, Admitted& job, std::size_t from);
  void admit(const ClusterState& state, Admitted& job, PricedSchedule schedule, Decision& decision);
  [[nodiscard]] SearchResult search(const ClusterState& state, JobId id, double samples_left,
                                    Seconds from, bool must_finish);
  [[nodiscard]] const Allocation* wanted_now(const Admitted& job) const;
  [[nodiscard]] Seconds start_of(SlotIndex slot) const {
    return static_cast<double>(slot) * options_.search.slot;
  }

  PdOrsOptions options_;
  std::optional<Ledger> ledger_;
  std::vector<double> units_;
  std::optional<BoundsEstimator> estimator_;
  std::vector<Admitted> admitted_;  ///< Unfinished, by job.
  SlotIndex current_ = 0;
  SlotIndex entered_ = -1;  ///< Last slot whose bookings were enacted.
  SlotCostCounters counters_;
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo pd_ors_info();

}  // namespace bourse
