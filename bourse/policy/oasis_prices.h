#pragma once

#include <vector>

#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/policy/slot_bookings.h"

namespace bourse {

/// Bounds of the price of a unit of each resource in a slot, for tasks of one role.
struct OasisRoleBounds {
  double lowest = 1;            ///< L: on an idle machine; > 0.
  std::vector<double> highest;  ///< U^r: on a full one, by resource type; >= lowest.
};
struct OasisBounds {
  OasisRoleBounds worker;  ///< L1, U1^r.
  OasisRoleBounds server;  ///< L2, U2^r.
};

struct OasisBoundsOptions {
  Seconds slot{600};
  double slot_count = 1;  ///< T.
  Seconds horizon = kForever;
  Seconds window{86400};      ///< Stands in for T - a where there is no horizon.
  bool slotted = false;       ///< Delays in whole slots.
  double floor_quantile = 0;  ///< Of the per-job values that L is the minimum of; 0: the minimum.
  bool density_ceiling = false;  ///< U per unit and slot of all a job takes, not of one task.
};

/// Learns the bounds from the jobs that have arrived:
///   U1^r = max_i f_i(shortest duration) / w_i^r,
///   L1 = 1 / (4 eta1) min_i f_i(T - a_i) / (n_i sum_r w_i^r),
///   1 / eta1 = min_i n_i sum_r w_i^r / (T sum of capacities of worker machines),
/// n_i the worker-slots of the whole job; U2, L2, eta2 the same with servers and their machines.
/// Source: OASiS, the price functions. Demands and capacities are in price units: shares of a mean
/// machine, or the resource's own unit.
class OasisEstimator {
 public:
  OasisEstimator(const SlotBookings& bookings, std::vector<double> units,
                 OasisBoundsOptions options);
  /// Takes in one more job. Cost: O(log jobs + jobs moved).
  void observe(const JobSpec& job);
  /// Requires an observed job.
  [[nodiscard]] OasisBounds bounds() const;

 private:
  struct Role {
    double capacity = 0;      ///< Of the machines that take this role, price units.
    double least_volume = 0;  ///< min_i n_i sum_r w_i^r; 0: no job yet.
    std::vector<double> highest;
    std::vector<double> floors;  ///< f_i(T - a_i) / (n_i sum_r w_i^r), sorted.
  };
  void observe_role(Role& role, const JobSpec& job, const ResourceVector& demand,
                    double worker_slots);
  [[nodiscard]] OasisRoleBounds bounds_of(const Role& role) const;

  std::vector<double> units_;
  OasisBoundsOptions options_;
  Role worker_;
  Role server_;
};

/// What one unit of each resource is for prices: the mean capacity of a machine, or the resource's
/// own unit.
[[nodiscard]] std::vector<double> oasis_units(const Cluster& cluster, bool normalized);

/// Price of one worker and one server of a job on machines in each state, worked out when asked.
/// A resource at use g of c costs lowest (highest / lowest)^(g / c) a unit.
class OasisPrices {
 public:
  /// All arguments outlive this.
  OasisPrices(const SlotBookings& bookings, const OasisBounds& bounds,
              const std::vector<double>& units, const JobSpec& job);
  [[nodiscard]] double worker(std::uint32_t state) { return of(state, true); }
  [[nodiscard]] double server(std::uint32_t state) { return of(state, false); }

 private:
  double of(std::uint32_t id, bool is_worker);

  const SlotBookings* bookings_;
  const OasisBounds* bounds_;
  const std::vector<double>* units_;
  const JobSpec* job_;
  std::vector<double> worker_;  ///< By state; negative: not known.
  std::vector<double> server_;
};

}  // namespace bourse
