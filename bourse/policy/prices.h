#pragma once

#include <cstddef>
#include <limits>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/policy/ledger.h"
#include "bourse/policy/price_floor.h"

namespace bourse {

/// The cost of what cannot be done.
inline constexpr double kNever = std::numeric_limits<double>::infinity();

/// Bounds of the price of one unit of each resource in one slot. A unit is what `units` says.
struct PriceBounds {
  double lowest = 1;            ///< L: price on an idle machine, utility per unit; > 0.
  std::vector<double> highest;  ///< U^r: price on a full machine, by resource type; >= lowest.
};

/// Price of one more unit when `used` of `capacity` are taken: lowest (highest / lowest)^(used /
/// capacity). A capacity of 0 has the lowest price.
/// Source: PD-ORS, the exponential price function p_h^r[t](rho).
[[nodiscard]] double price_at(double used, double capacity, double lowest, double highest);

/// What one unit of each resource is for prices: the mean capacity of a machine, so that gigabytes
/// and GPUs weigh alike, or the resource's own unit.
[[nodiscard]] std::vector<double> price_units(const Cluster& cluster, bool normalized);

struct BoundsOptions {
  Seconds slot{600};
  double slot_count = 1;  ///< T: slots of the horizon, or of the planning window.
  Seconds horizon = kForever;
  Seconds window{86400};    ///< Stands in for T - a_i where the horizon is infinite.
  bool paper_time = false;  ///< Delays in whole slots.
  double quantile = 0;      ///< Of the per-job values that L is the minimum of; 0: the minimum.
  /// U^r is what a job is worth per unit and slot of all that it takes, not of one task in one
  /// slot.
  bool density_ceiling = false;
};

/// Learns U and L from the jobs that have arrived, by the formulas of the paper:
///   U^r = max_i u_i(ceil(V_i q_int / F_i)) / (alpha_i^r + beta_i^r),
///   L   = 1 / (2 mu) min_i u_i(T - a_i) / N_i',  1 / mu = min_i N_i' / (T sum_h,r C_h^r),
///   N_i' = ceil(V_i q_ext) sum_r (alpha_i^r + beta_i^r),
/// with demands and capacities in price units. A larger quantile than 0 replaces the second
/// minimum, because one time-critical sigmoid makes it vanish. Jobs worth nothing at T are left out
/// of it. Other shapes than parameter servers take their fastest size for the first term and the
/// workers times slots of their largest size at the farthest locality for N_i. Nothing depends on
/// jobs that are still to come, and nothing admitted is priced again. Source: PD-ORS, U^r, L and
/// mu.
class BoundsEstimator {
 public:
  BoundsEstimator(const Cluster& cluster, std::vector<double> units, BoundsOptions options);
  /// Takes in one more job. Cost: O(log jobs + jobs moved).
  void observe(const JobSpec& job);
  /// Requires at least one observed job.
  [[nodiscard]] PriceBounds bounds() const;

 private:
  std::vector<double> units_;
  BoundsOptions options_;
  double capacity_ = 0;  ///< sum_h,r C_h^r in price units.
  double least_volume_ = 0;
  std::vector<double> highest_;
  std::vector<double> floors_;  ///< u_i(T - a_i) / N_i', sorted.
};

/// Prices of one worker and one server of a job on machines in every state and slot, computed when
/// asked for: of each resource the exponential price of the state, or the floor of the slot if that
/// is higher. The floor is lower, by up to 2 %, on machines that are fuller, so that what costs
/// the same goes where least room is left over.
class JobPrices {
 public:
  /// The ledger and the floor outlive this. `floor` may be null: none.
  JobPrices(const Ledger& ledger, const PriceBounds& bounds, const std::vector<double>& units,
            const JobSpec& job, const PriceFloor* floor = nullptr);
  /// A_h, utility a slot.
  [[nodiscard]] double worker(StateId state, SlotIndex slot) {
    return of(state, interval_of(slot)).worker;
  }
  /// B_h.
  [[nodiscard]] double server(StateId state, SlotIndex slot) {
    return of(state, interval_of(slot)).server;
  }
  /// Slots in one interval have equal prices for equal states.
  [[nodiscard]] PriceFloor::Interval interval_of(SlotIndex slot) const {
    return floor_ == nullptr ? 0 : floor_->interval_of(slot);
  }
  [[nodiscard]] std::size_t interval_count() const { return known_.size(); }
  /// First slot after the interval that `slot` lies in.
  [[nodiscard]] SlotIndex interval_end(SlotIndex slot) const {
    return floor_ == nullptr ? std::numeric_limits<SlotIndex>::max()
                             : floor_->end_of(floor_->interval_of(slot));
  }

  struct Pair {
    double worker = -1;
    double server = -1;
  };
  /// Prices on an idle machine where there is no floor: the least there are.
  [[nodiscard]] Pair idle() const;
  /// Mean share in use of the resources that the job needs.
  [[nodiscard]] double fullness(const MachineState& machine) const;
  /// Both prices of a state in an interval, worked out each time. Requires a machine that is up.
  [[nodiscard]] Pair find(const MachineState& machine, PriceFloor::Interval interval);
  /// The same, and remembered.
  const Pair& of(StateId state, PriceFloor::Interval interval);

 private:
  /// A resource the job needs.
  struct Term {
    std::size_t resource;
    struct OfClass {
      Amount capacity;
      double log_rate;  ///< ln(U^r / L) / capacity; 0 where there is no capacity.
      /// The exponential price by whole units in use, as far as it was asked for; negative: not
      /// yet.
      std::vector<double> price_of_units{};
    };
    std::vector<OfClass> of_class;
    double worker;  ///< Price units that one worker takes.
    double server;
  };
  /// lowest_ (U^r / L)^(used / capacity).
  double exponential_price(Term::OfClass& of_class, Amount used) const;

  const Ledger* ledger_;
  double lowest_;
  const PriceFloor* floor_;
  std::vector<Term> terms_;
  std::vector<std::vector<Pair>> known_;  ///< By interval, state; negative: not computed.
};

}  // namespace bourse
