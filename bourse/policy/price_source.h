#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bourse/policy/ledger.h"
#include "bourse/policy/prices.h"
#include "bourse/policy/state.h"

namespace bourse {

/// Where PD-ORS has its prices from. It is told of every arrival and every slot, never of what is
/// to come. Deterministic: the same calls give the same prices.
class PriceSource {
 public:
  virtual ~PriceSource() = default;
  /// Before the first event. `cluster` outlives the source.
  virtual void start(const Cluster& cluster) = 0;
  /// A job has arrived; called before its schedule is looked for.
  virtual void arrive(const ClusterState& state, const Ledger& ledger, JobId job) = 0;
  /// A slot begins, or the first event of a slot happens; called before any job is looked at.
  virtual void enter_slot(const ClusterState& state, const Ledger& ledger, SlotIndex slot) = 0;
  /// Jobs are about to be decided about: these, some of which may have waited. Called after all
  /// arrivals of an instant, at most once an event.
  virtual void prepare(const ClusterState&, const Ledger&, SlotIndex, std::span<const JobId>) {}
  /// Prices of one job's tasks at what is booked. The ledger outlives them, and they hold until the
  /// next arrival or slot.
  [[nodiscard]] virtual JobPrices prices_of(const Ledger& ledger, const JobSpec& job) const = 0;
  /// What prices of the job would be without those that are only expected; nothing if there are
  /// none such.
  [[nodiscard]] virtual std::optional<JobPrices> prices_without_bids(const Ledger&,
                                                                     const JobSpec&) const {
    return std::nullopt;
  }
  /// A job was admitted with this utility promised.
  virtual void earn(JobId, double) {}
  /// A job was not admitted on arrival, though prices without bids would have, with this utility.
  virtual void forgo(JobId, double) {}
  /// Price of one price unit of each resource on a machine in this state and slot; for people.
  [[nodiscard]] virtual std::vector<double> unit_prices(const Ledger& ledger, StateId state,
                                                        SlotIndex slot) const = 0;
  /// Bounds of the exponential price in force. Requires that a job has arrived.
  [[nodiscard]] virtual const PriceBounds& bounds() const = 0;
  /// What a price unit is, in amounts, by resource type.
  [[nodiscard]] virtual const std::vector<double>& units() const = 0;
};

struct LearnedPricesOptions {
  BoundsOptions bounds;
  bool normalized_units = true;  ///< Price shares of a machine, not amounts.
  /// Fixed bounds instead of learned ones: (lowest, highest) of every resource.
  std::optional<std::pair<double, double>> fixed_bounds;
};

/// The exponential prices of PD-ORS with bounds learned from the jobs seen so far.
class LearnedPrices : public PriceSource {
 public:
  explicit LearnedPrices(LearnedPricesOptions options) : options_(std::move(options)) {}
  void start(const Cluster& cluster) override;
  void arrive(const ClusterState& state, const Ledger& ledger, JobId job) override;
  void enter_slot(const ClusterState& state, const Ledger& ledger, SlotIndex slot) override;
  [[nodiscard]] JobPrices prices_of(const Ledger& ledger, const JobSpec& job) const override;
  [[nodiscard]] std::vector<double> unit_prices(const Ledger& ledger, StateId state,
                                                SlotIndex slot) const override;
  [[nodiscard]] const PriceBounds& bounds() const override { return bounds_; }
  [[nodiscard]] const std::vector<double>& units() const override { return units_; }

 private:
  LearnedPricesOptions options_;
  std::vector<double> units_;
  std::optional<BoundsEstimator> estimator_;
  PriceBounds bounds_;  ///< What the estimator says since the last arrival.
};

}  // namespace bourse
