#include "bourse/policy/gavel_shares.h"

#include <algorithm>
#include <utility>

#include "bourse/policy/in_order.h"
#include "bourse/solver/fair_shares.h"

namespace bourse {
namespace {

/// Everything that is up, as if no job ran.
FreeCapacity empty_cluster(const ClusterState& state) {
  FreeCapacity empty(state);
  for (const JobId id : state.active()) empty.give(state.spec(id), state.job(id).allocation);
  return empty;
}

/// Shares of `isolated`: an n-th of every class, cut down to all of the job's time.
void add_isolated(const GavelRates& rates, std::size_t job, std::size_t job_count,
                  std::vector<double>& shares) {
  std::vector<double> own(rates.class_count());
  double sum = 0;
  for (std::size_t k = 0; k < own.size(); ++k) {
    if (rates.rate(job, k) <= 0) continue;
    own[k] = 1 / (static_cast<double>(job_count) * rates.load(job, k));
    sum += own[k];
  }
  for (const double share : own) shares.push_back(sum > 1 ? share / sum : share);
}

ShareNeed need_of(const ClusterState& state, const GavelRates& rates, std::size_t job, JobId id,
                  GavelObjective objective, const std::vector<GavelHistory>& history) {
  const JobSpec& spec = state.spec(id);
  if (objective == GavelObjective::max_min) {
    double split = 0;
    for (std::size_t k = 0; k < rates.class_count(); ++k)
      split += rates.rate(job, k) * rates.part_of(k);
    return {.work = std::max(split, 1e-300) / gpus_requested(state, spec)};
  }
  const double left = std::max(state.samples_left(id), 1e-9 * spec.samples);
  if (objective == GavelObjective::makespan) return {.work = left};
  const double alone = isolated_rate(rates, job, state.active().size());
  const double span = history[id.index()].isolated_seconds + (alone > 0 ? left / alone : 0);
  return {.work = left, .span = std::max(span, 1e-9), .age = (state.now() - spec.arrival).value};
}

}  // namespace

GavelRates::GavelRates(const ClusterState& state)
    : class_count_(state.cluster().classes.size()), total_(class_count_), part_(class_count_) {
  const Cluster& cluster = state.cluster();
  const std::size_t primary = cluster.types.find("gpu").value_or(0);
  for (ResourceVector& total : total_) total.resize(cluster.types.size());
  for (std::size_t h = 0; h < cluster.machines.size(); ++h) {
    if (!state.is_up(MachineId(h))) continue;
    ResourceVector& total = total_[cluster.machines[h].class_index];
    const auto capacity = cluster.capacity(MachineId(h));
    for (std::size_t r = 0; r < total.size(); ++r) total[r] += capacity[r];
  }
  double all = 0;
  for (const ResourceVector& total : total_) all += static_cast<double>(total[primary]);
  for (std::size_t k = 0; k < class_count_; ++k)
    if (all > 0) part_[k] = static_cast<double>(total_[k][primary]) / all;
  const FreeCapacity everything = empty_cluster(state);
  std::vector<FreeCapacity> empty(class_count_, everything);
  if (class_count_ > 1)
    for (std::size_t k = 0; k < class_count_; ++k)
      empty[k].keep_class(static_cast<std::uint32_t>(k));
  for (const JobId id : state.active()) add(state.spec(id), empty);
}

void GavelRates::add(const JobSpec& job, const std::vector<FreeCapacity>& empty) {
  const TaskCounts tasks = requested_tasks(job);
  for (std::size_t k = 0; k < class_count_; ++k) {
    const Cluster& cluster = empty[k].cluster();
    const auto placed = place(empty[k], job, tasks);
    double load = 1e-12;  // A demand of nothing.
    for (std::size_t r = 0; placed && r < total_[k].size(); ++r) {
      const Amount demand = tasks.workers * job.worker[r] + tasks.servers * job.server[r];
      if (demand > 0)
        load = std::max(load, static_cast<double>(demand) / static_cast<double>(total_[k][r]));
    }
    rate_.push_back(placed
                        ? samples_per_second(job.throughput, tasks, locality_of(*placed, cluster),
                                             slowest_speed(*placed, cluster))
                        : 0);
    load_.push_back(load);
  }
}

bool GavelRates::fits_a_class(std::size_t job) const {
  for (std::size_t k = 0; k < class_count_; ++k)
    if (rate(job, k) > 0) return true;
  return false;
}

double isolated_rate(const GavelRates& rates, std::size_t job, std::size_t job_count) {
  std::vector<double> shares;
  add_isolated(rates, job, job_count, shares);
  double rate = 0;
  for (std::size_t k = 0; k < shares.size(); ++k) rate += shares[k] * rates.rate(job, k);
  return rate;
}

std::vector<double> gavel_shares(const ClusterState& state, const GavelRates& rates,
                                 GavelObjective objective,
                                 const std::vector<GavelHistory>& history) {
  const std::vector<JobId>& active = state.active();
  if (objective == GavelObjective::isolated) {
    std::vector<double> shares;
    for (std::size_t job = 0; job < active.size(); ++job)
      add_isolated(rates, job, active.size(), shares);
    return shares;
  }
  ShareProblem problem{
      .types = rates.class_count(), .needs = {}, .rate = rates.rates(), .load = rates.loads()};
  for (std::size_t job = 0; job < active.size(); ++job)
    problem.needs.push_back(need_of(state, rates, job, active[job], objective, history));
  return fair_shares(problem).time;
}

}  // namespace bourse
