#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "bourse/policy/oasis_prices.h"
#include "bourse/policy/oasis_search.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/slot_bookings.h"

namespace bourse {

struct OasisOptions {
  OasisSearchOptions search;
  double server_machines = 0;    ///< Share of the machines that take servers only; 0: none.
  double floor_quantile = 0;     ///< See OasisBoundsOptions.
  bool density_ceiling = false;  ///< See OasisBoundsOptions.
  bool normalized_units = true;  ///< Price shares of a machine, not amounts.
  /// Fixed bounds instead of learned ones: (lowest, highest) of every resource and role.
  std::optional<std::pair<double, double>> fixed_bounds;
};

/// OASiS: the primal-dual scheduler that PD-ORS builds on. Workers and parameter servers of a job
/// never share a machine: either the last machines take servers only (`server_machines`), as in the
/// paper, or any machine takes either, but not both of one job. On arrival of a job:
///  1. L and U of both roles are learned from the jobs seen so far (oasis_prices.h);
///  2. the schedule with the largest payoff is found at frozen prices (oasis_search.h);
///  3. payoff > 0: it is booked, which raises prices; else the job is declined for good.
/// Each slot runs what is booked. A job that ends early gives back the rest. One that is late, or
/// loses a machine, gets the tasks it requests on fixed machines as soon as they are free until it
/// is done, and stays where it is if it can.
/// Assumes: declared speeds of tasks that are spread; the model's synchronous training in place of
/// the asynchronous one of the paper. Ties: the earlier completion; machines by id.
/// Guarantees: nothing is over-booked; no decision depends on later jobs; with small jobs the total
/// utility is within 2 max_r(1, ln(U1^r / L1), ln(U2^r / L2)) of the best without co-location.
/// Source: Bao, Peng, Wu, Li, INFOCOM'18 (arXiv 1801.00936). Cost: one search an arrival.
class OasisPolicy final : public Policy {
 public:
  explicit OasisPolicy(OasisOptions options) : options_(std::move(options)) {}
  Decision decide(const ClusterState& state, const Event& event) override;
  void set_purse(Purse purse) override { purse_ = std::move(purse); }

 private:
  struct Admitted {
    JobId job;
    std::vector<BookedStretch> booked;  ///< By slot.
  };

  void start(const ClusterState& state);
  [[nodiscard]] OasisBounds bounds() const;
  [[nodiscard]] Seconds start_of(std::int64_t slot) const {
    return static_cast<double>(slot) * options_.search.slot;
  }
  [[nodiscard]] bool arrive(const ClusterState& state, JobId id, Decision& decision);
  void finish(const ClusterState& state, JobId id);
  void lose_machine(const ClusterState& state, MachineId machine, Decision& decision);
  void plan_rest(const ClusterState& state, Admitted& job, Decision& decision);
  void plan_late_jobs(const ClusterState& state, Decision& decision);
  void book(const ClusterState& state, Admitted& job, OasisSchedule schedule, Decision& decision);
  void release(const ClusterState& state, Admitted& job);
  void enact(const ClusterState& state, const Admitted& job, Decision& decision) const;
  [[nodiscard]] const Allocation& wanted_now(const Admitted& job) const;

  OasisOptions options_;
  std::optional<SlotBookings> bookings_;
  std::vector<double> units_;
  std::optional<OasisEstimator> estimator_;
  Purse purse_;                     ///< Empty: nobody is charged.
  std::vector<Admitted> admitted_;  ///< Unfinished, by job.
  std::int64_t current_ = 0;
  std::int64_t entered_ = -1;  ///< Last slot whose bookings were enacted.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo oasis_info();

}  // namespace bourse
