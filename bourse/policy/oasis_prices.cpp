#include "bourse/policy/oasis_prices.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

/// L as a share of U where no job is worth anything at the end.
constexpr double kLeastShare = 1e-6;

double sum_in_units(std::span<const Amount> amounts, const std::vector<double>& units) {
  double sum = 0;
  for (std::size_t r = 0; r < amounts.size(); ++r)
    if (units[r] > 0) sum += static_cast<double>(amounts[r]) / units[r];
  return sum;
}

}  // namespace

std::vector<double> oasis_units(const Cluster& cluster, bool normalized) {
  std::vector<double> units(cluster.types.size(), kAmountsPerUnit);
  if (!normalized) return units;
  const ResourceVector total = cluster.total();
  for (std::size_t r = 0; r < units.size(); ++r)
    units[r] = static_cast<double>(total[r]) / static_cast<double>(cluster.machines.size());
  return units;
}

OasisEstimator::OasisEstimator(const SlotBookings& bookings, std::vector<double> units,
                               OasisBoundsOptions options)
    : units_(std::move(units)), options_(options) {
  const SlotBookings::Stretch& stretch = bookings.stretches().front();
  const bool has_reserved = std::ranges::any_of(
      stretch.states, [&](std::uint32_t id) { return bookings.state(id).is_reserved; });
  for (const std::uint32_t id : stretch.states) {
    const SlotBookings::State& state = bookings.state(id);
    const double capacity =
        sum_in_units(bookings.cluster().classes[state.class_index].capacity, units_);
    if (!state.is_reserved) worker_.capacity += capacity;
    if (state.is_reserved || !has_reserved) server_.capacity += capacity;
  }
  worker_.highest.resize(units_.size());
  server_.highest.resize(units_.size());
}

void OasisEstimator::observe(const JobSpec& job) {
  const int most = max_workers(job.throughput);
  const TaskCounts largest = bundle(job, most);
  const double speed = farthest_speed(job, largest);
  if (speed <= 0) return;
  const double slots = job.samples / speed / options_.slot.value;
  const double worker_slots = std::max(1.0, std::ceil(slots * most - 1e-9));
  observe_role(worker_, job, job.worker, worker_slots);
  if (largest.servers > 0) observe_role(server_, job, job.server, worker_slots);
}

void OasisEstimator::observe_role(Role& role, const JobSpec& job, const ResourceVector& demand,
                                  double worker_slots) {
  const int most = max_workers(job.throughput);
  const double speed = farthest_speed(job, bundle(job, most));
  const Seconds shortest = Seconds(job.samples / speed);
  Seconds delay = shortest;
  if (options_.slotted)
    delay = (std::max(1.0, std::ceil(shortest / options_.slot - 1e-9)) - 1) * options_.slot;
  const double best = utility_at(job.utility, delay);
  const double per = options_.density_ceiling ? worker_slots : 1;
  for (std::size_t r = 0; r < units_.size(); ++r)
    if (demand[r] > 0 && units_[r] > 0)
      role.highest[r] =
          std::max(role.highest[r], best / per / (static_cast<double>(demand[r]) / units_[r]));
  const double volume = worker_slots * sum_in_units(demand, units_);
  if (volume <= 0) return;
  role.least_volume = role.least_volume > 0 ? std::min(role.least_volume, volume) : volume;
  const Seconds left =
      options_.horizon < kForever ? options_.horizon - job.arrival : options_.window;
  const double last = utility_at(job.utility, std::max(Seconds(0), left));
  if (last <= 0) return;
  const double floor = last / volume;
  role.floors.insert(std::ranges::upper_bound(role.floors, floor), floor);
}

OasisRoleBounds OasisEstimator::bounds_of(const Role& role) const {
  OasisRoleBounds bounds{.highest = role.highest};
  double least_high = std::numeric_limits<double>::infinity();
  for (const double high : role.highest)
    if (high > 0) least_high = std::min(least_high, high);
  if (!std::isfinite(least_high)) least_high = 1;
  bounds.lowest = kLeastShare * least_high;
  if (!role.floors.empty() && role.capacity > 0) {
    const auto last = static_cast<double>(role.floors.size() - 1);
    const double floor =
        role.floors[static_cast<std::size_t>(std::floor(options_.floor_quantile * last))];
    const double scale = role.least_volume / (options_.slot_count * role.capacity);
    bounds.lowest = std::min(least_high, std::max(floor * scale / 4, 1e-300));
  }
  for (double& high : bounds.highest) high = std::max(high, bounds.lowest);
  return bounds;
}

OasisBounds OasisEstimator::bounds() const {
  return {.worker = bounds_of(worker_), .server = bounds_of(server_)};
}

OasisPrices::OasisPrices(const SlotBookings& bookings, const OasisBounds& bounds,
                         const std::vector<double>& units, const JobSpec& job)
    : bookings_(&bookings), bounds_(&bounds), units_(&units), job_(&job) {}

double OasisPrices::of(std::uint32_t id, bool is_worker) {
  std::vector<double>& known = is_worker ? worker_ : server_;
  if (known.size() <= id) known.resize(bookings_->state_count(), -1);
  if (known[id] >= 0) return known[id];
  const OasisRoleBounds& bounds = is_worker ? bounds_->worker : bounds_->server;
  const ResourceVector& demand = is_worker ? job_->worker : job_->server;
  const SlotBookings::State& state = bookings_->state(id);
  const ResourceVector& capacity = bookings_->cluster().classes[state.class_index].capacity;
  double price = 0;
  for (std::size_t r = 0; r < demand.size(); ++r) {
    if (demand[r] == 0 || (*units_)[r] <= 0) continue;
    const double share =
        capacity[r] > 0 ? static_cast<double>(state.used[r]) / static_cast<double>(capacity[r]) : 0;
    price += static_cast<double>(demand[r]) / (*units_)[r] * bounds.lowest *
             std::pow(bounds.highest[r] / bounds.lowest, share);
  }
  known[id] = price;
  return price;
}

}  // namespace bourse
