#include "bourse/policy/prices.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// L when no job is worth anything at the end: this share of the smallest U.
constexpr double kFallbackFloor = 1e-6;

double whole_slots(double slots) { return std::ceil(slots - 1e-9); }

/// Prices of up to so many units in use are remembered: many states use the same amount.
constexpr std::uint64_t kMostUnits = 1024;

/// By so much is the floor lower on a full machine than on an idle one. Where all machines cost the
/// same, nothing else keeps jobs from leaving a little room on each.
constexpr double kPackingDiscount = 0.02;

/// alpha_i^r + beta_i^r in price units.
double task_demand(const JobSpec& job, std::size_t r, double unit) {
  return static_cast<double>(job.worker[r] + job.server[r]) / unit;
}

}  // namespace

double price_at(double used, double capacity, double lowest, double highest) {
  if (capacity <= 0) return lowest;
  return lowest * std::exp((std::log(highest) - std::log(lowest)) * (used / capacity));
}

std::vector<double> price_units(const Cluster& cluster, bool normalized) {
  std::vector<double> units;
  for (const Amount total : cluster.total()) {
    const double mean = static_cast<double>(total) / static_cast<double>(cluster.machines.size());
    units.push_back(normalized && mean > 0 ? mean : static_cast<double>(kAmountsPerUnit));
  }
  return units;
}

BoundsEstimator::BoundsEstimator(const Cluster& cluster, std::vector<double> units,
                                 BoundsOptions options)
    : units_(std::move(units)), options_(options), highest_(units_.size(), 0.0) {
  const ResourceVector total = cluster.total();
  for (std::size_t r = 0; r < total.size(); ++r)
    capacity_ += static_cast<double>(total[r]) / units_[r];
}

void BoundsEstimator::observe(const JobSpec& job) {
  const int most = max_workers(job.throughput);
  const TaskCounts tasks{most, servers_for(job.throughput, most)};
  const int fewest = min_workers(job.throughput);
  const TaskCounts alone{fewest, servers_for(job.throughput, fewest)};
  // A ring on a slow network is fastest alone; every other shape with the most workers.
  const double best_rate = std::max(samples_per_second(job.throughput, tasks, Locality::machine),
                                    samples_per_second(job.throughput, alone, Locality::machine));
  const double far_rate = samples_per_second(job.throughput, tasks, Locality::cluster);
  const double slot = options_.slot.value;
  Seconds fastest(job.samples / best_rate);
  if (options_.paper_time) fastest = Seconds(whole_slots(fastest.value / slot) * slot);
  double best = utility_at(job.utility, fastest);
  if (options_.density_ceiling)
    best /= std::max(1.0, whole_slots(most * job.samples / best_rate / slot));
  double demand = 0;
  for (std::size_t r = 0; r < units_.size(); ++r) {
    const double of_type = task_demand(job, r, units_[r]);
    demand += of_type;
    if (of_type > 0) highest_[r] = std::max(highest_[r], best / of_type);
  }
  // A measured table may lack the farthest locality; its nearest speed then stands in.
  const double rate = far_rate > 0 ? far_rate : best_rate;
  const double volume = whole_slots(most * job.samples / rate / slot) * demand;
  least_volume_ = floors_.empty() && least_volume_ == 0 ? volume : std::min(least_volume_, volume);
  const Seconds until_end = options_.horizon < kForever
                                ? std::max(Seconds(0), options_.horizon - job.arrival)
                                : options_.window;
  const double last = utility_at(job.utility, until_end) / volume;
  if (last > 0) floors_.insert(std::ranges::upper_bound(floors_, last), last);
}

PriceBounds BoundsEstimator::bounds() const {
  PriceBounds bounds;
  double least_highest = std::numeric_limits<double>::infinity();
  for (const double highest : highest_)
    if (highest > 0) least_highest = std::min(least_highest, highest);
  // A job of utility 0 pays no price, whatever it is.
  if (least_highest == std::numeric_limits<double>::infinity()) least_highest = 1;
  if (floors_.empty()) {
    bounds.lowest = least_highest * kFallbackFloor;
  } else {
    const double rank = std::ceil(options_.quantile * static_cast<double>(floors_.size()));
    const std::size_t at = rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1;
    bounds.lowest = least_volume_ / (2 * options_.slot_count * capacity_) * floors_[at];
  }
  bounds.lowest = std::clamp(bounds.lowest, std::numeric_limits<double>::min(), least_highest);
  for (const double highest : highest_) bounds.highest.push_back(std::max(highest, bounds.lowest));
  return bounds;
}

JobPrices::JobPrices(const Ledger& ledger, const PriceBounds& bounds,
                     const std::vector<double>& units, const JobSpec& job, const PriceFloor* floor)
    : ledger_(&ledger),
      lowest_(bounds.lowest),
      floor_(floor),
      known_(floor == nullptr ? 1 : floor->interval_count()) {
  for (std::size_t r = 0; r < units.size(); ++r) {
    if (job.worker[r] == 0 && job.server[r] == 0) continue;
    Term& term = terms_.emplace_back();
    term.resource = r;
    term.worker = static_cast<double>(job.worker[r]) / units[r];
    term.server = static_cast<double>(job.server[r]) / units[r];
    const double log_range = std::log(bounds.highest[r]) - std::log(bounds.lowest);
    for (const MachineClass& machines : ledger.cluster().classes) {
      const Amount capacity = machines.capacity[r];
      term.of_class.push_back(
          {capacity, capacity > 0 ? log_range / static_cast<double>(capacity) : 0});
    }
  }
}

JobPrices::Pair JobPrices::idle() const {
  Pair pair{0, 0};
  for (const Term& term : terms_) {
    pair.worker += lowest_ * term.worker;
    pair.server += lowest_ * term.server;
  }
  return pair;
}

double JobPrices::fullness(const MachineState& machine) const {
  double sum = 0;
  for (const Term& term : terms_) {
    const Amount capacity = term.of_class[machine.class_index].capacity;
    if (capacity > 0)
      sum += static_cast<double>(capacity - machine.residual[term.resource]) /
             static_cast<double>(capacity);
  }
  return sum / static_cast<double>(std::max<std::size_t>(1, terms_.size()));
}

double JobPrices::exponential_price(Term::OfClass& of_class, Amount used) const {
  const auto compute = [&] {
    return lowest_ * std::exp(of_class.log_rate * static_cast<double>(used));
  };
  const auto units = static_cast<std::uint64_t>(used) / kAmountsPerUnit;
  if (units >= kMostUnits || used != static_cast<Amount>(units * kAmountsPerUnit)) return compute();
  if (units >= of_class.price_of_units.size()) of_class.price_of_units.resize(units + 1, -1.0);
  double& price = of_class.price_of_units[units];
  if (price < 0) price = compute();
  return price;
}

JobPrices::Pair JobPrices::find(const MachineState& machine, PriceFloor::Interval interval) {
  Pair pair{0, 0};
  std::span<const double> least;
  if (floor_ != nullptr) least = floor_->prices(interval, machine.class_index);
  double discount = 1;
  if (!least.empty()) discount -= kPackingDiscount * fullness(machine);
  for (Term& term : terms_) {
    Term::OfClass& of_class = term.of_class[machine.class_index];
    const Amount used = of_class.capacity - machine.residual[term.resource];
    double price = exponential_price(of_class, used);
    if (!least.empty()) price = std::max(price, least[term.resource] * discount);
    pair.worker += price * term.worker;
    pair.server += price * term.server;
  }
  return pair;
}

const JobPrices::Pair& JobPrices::of(StateId state, PriceFloor::Interval interval) {
  std::vector<Pair>& known = known_[interval];
  if (state >= known.size()) known.resize(ledger_->state_count());
  Pair& pair = known[state];
  if (pair.worker < 0) pair = find(ledger_->state(state), interval);
  return pair;
}

}  // namespace bourse
