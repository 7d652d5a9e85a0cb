#include "bourse/policy/elastic_plan.h"

#include <algorithm>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

/// A plan that looks farther than this is none.
constexpr std::int64_t kMaxSlots = 100'000;
/// Work this close to all of it, relative, is all of it.
constexpr double kDone = 1 - 1e-9;

bool fits_one_machine(const Cluster& cluster, const ResourceVector& demand) {
  return std::ranges::any_of(cluster.classes,
                             [&](const MachineClass& each) { return fits(demand, each.capacity); });
}

/// On one machine if one holds all tasks, else as far apart as they may come to lie and still
/// train.
double rate_at_least(const Cluster& cluster, const JobSpec& job, TaskCounts tasks,
                     const ResourceVector& demand, double speed) {
  if (fits_one_machine(cluster, demand))
    return samples_per_second(job.throughput, tasks, Locality::machine, speed);
  const Locality far = cluster.rack_count > 1 ? Locality::cluster : Locality::rack;
  const double rate = samples_per_second(job.throughput, tasks, far, speed);
  return rate > 0 ? rate : samples_per_second(job.throughput, tasks, Locality::rack, speed);
}

}  // namespace

std::vector<ElasticSize> elastic_sizes(const Cluster& cluster, const JobSpec& job) {
  double slowest = cluster.classes.front().speed;
  for (const MachineClass& each : cluster.classes) slowest = std::min(slowest, each.speed);
  const ResourceVector total = cluster.total();
  const bool is_table = std::holds_alternative<TableThroughput>(job.throughput);
  const int most = max_workers(job.throughput);
  std::vector<ElasticSize> sizes;
  int workers = min_workers(job.throughput);
  while (true) {
    const TaskCounts tasks{workers, servers_for(job.throughput, workers)};
    ElasticSize size{tasks, 0, demand_of(job, tasks)};
    if (!fits(size.demand, total)) break;
    size.rate = rate_at_least(cluster, job, tasks, size.demand, slowest);
    if (size.rate > (sizes.empty() ? 0 : sizes.back().rate * (1 + 1e-9)))
      sizes.push_back(std::move(size));
    if (workers >= most) break;
    workers = is_table ? next_workers(job.throughput, workers) : std::min(most, 2 * workers);
  }
  return sizes;
}

void SlotBook::advance(Seconds now) {
  const double exact = now / slot_;
  const auto slot = static_cast<std::int64_t>(std::floor(exact + 1e-9 * std::max(1.0, exact)));
  while (first_ < slot) {
    if (used_.empty()) {
      first_ = slot;
      return;
    }
    used_.pop_front();
    ++first_;
  }
}

bool SlotBook::fits(std::int64_t slot, const ResourceVector& demand) const {
  const auto i = static_cast<std::size_t>(slot - first_);
  for (std::size_t r = 0; r < demand.size(); ++r) {
    const Amount used = i < used_.size() ? used_[i][r] : 0;
    if (demand[r] > 0 && used + demand[r] > capacity_[r]) return false;
  }
  return true;
}

void SlotBook::add(std::int64_t slot, const ResourceVector& demand, int sign) {
  if (slot < first_) return;
  const auto i = static_cast<std::size_t>(slot - first_);
  while (used_.size() <= i) used_.emplace_back(demand.size());
  for (std::size_t r = 0; r < demand.size(); ++r) {
    used_[i][r] += sign * demand[r];
    BOURSE_CHECK(used_[i][r] >= 0);
  }
}

std::optional<ElasticPlan> least_share(const SlotBook& book, const std::vector<ElasticSize>& sizes,
                                       double samples, Seconds now, Seconds deadline) {
  for (std::size_t most = 0; most < sizes.size(); ++most) {
    ElasticPlan plan{book.current(), {}};
    double done = 0;
    for (std::int64_t slot = book.current(); slot < book.current() + kMaxSlots; ++slot) {
      const Seconds from = std::max(now, book.start_of(slot));
      const Seconds to = std::min(deadline, book.start_of(slot + 1));
      if (from >= deadline) break;
      int size = static_cast<int>(most);
      while (size >= 0 && !book.fits(slot, sizes[static_cast<std::size_t>(size)].demand)) --size;
      plan.sizes.push_back(size);
      if (size >= 0) done += sizes[static_cast<std::size_t>(size)].rate * (to - from).value;
      if (done >= samples * kDone) return plan;
    }
  }
  return std::nullopt;
}

double planned_samples(const SlotBook& book, const std::vector<ElasticSize>& sizes,
                       const ElasticPlan& plan, Seconds from) {
  double samples = 0;
  for (std::size_t i = 0; i < plan.sizes.size(); ++i) {
    if (plan.sizes[i] == ElasticPlan::kPaused) continue;
    const std::int64_t slot = plan.first + static_cast<std::int64_t>(i);
    const Seconds length = book.start_of(slot + 1) - std::max(from, book.start_of(slot));
    samples += sizes[static_cast<std::size_t>(plan.sizes[i])].rate * std::max(0.0, length.value);
  }
  return samples;
}

void book_plan(SlotBook& book, const std::vector<ElasticSize>& sizes, const ElasticPlan& plan,
               int sign) {
  for (std::size_t i = 0; i < plan.sizes.size(); ++i)
    if (plan.sizes[i] != ElasticPlan::kPaused)
      book.add(plan.first + static_cast<std::int64_t>(i),
               sizes[static_cast<std::size_t>(plan.sizes[i])].demand, sign);
}

}  // namespace bourse
