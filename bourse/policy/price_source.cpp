#include "bourse/policy/price_source.h"

#include "bourse/base/check.h"

namespace bourse {

void LearnedPrices::start(const Cluster& cluster) {
  units_ = price_units(cluster, options_.normalized_units);
  estimator_.emplace(cluster, units_, options_.bounds);
  if (options_.fixed_bounds)
    bounds_ = {options_.fixed_bounds->first,
               std::vector<double>(units_.size(), options_.fixed_bounds->second)};
}

void LearnedPrices::arrive(const ClusterState& state, const Ledger&, JobId job) {
  BOURSE_CHECK(estimator_.has_value());
  if (options_.fixed_bounds) return;
  estimator_->observe(state.spec(job));
  bounds_ = estimator_->bounds();
}

void LearnedPrices::enter_slot(const ClusterState&, const Ledger&, SlotIndex) {}

JobPrices LearnedPrices::prices_of(const Ledger& ledger, const JobSpec& job) const {
  return {ledger, bounds_, units_, job};
}

std::vector<double> LearnedPrices::unit_prices(const Ledger& ledger, StateId state,
                                               SlotIndex) const {
  const MachineState machine = ledger.state(state);
  const ResourceVector& capacity = ledger.cluster().classes[machine.class_index].capacity;
  std::vector<double> prices;
  for (std::size_t r = 0; r < units_.size(); ++r)
    prices.push_back(price_at(static_cast<double>(machine.used[r]),
                              static_cast<double>(capacity[r]), bounds_.lowest,
                              bounds_.highest[r]));
  return prices;
}

}  // namespace bourse
