#include "bench/core_state.h"

#include <algorithm>
#include <numeric>

#include "bourse/base/random.h"

namespace bourse {
namespace {

/// Machines of 18 mean tasks, as in the paper's experiments.
Cluster cluster_of(const MixedStateOptions& options) {
  constexpr double capacity[] = {36, 100, 310, 135};
  Cluster cluster;
  MachineClass machines{.name = "machine", .capacity = {}};
  for (std::size_t r = 0; r < options.resource_types; ++r) {
    (void)cluster.types.add("r" + std::to_string(r), ResourceKind::count);
    const double units = r < 4 ? capacity[r] : 100;
    machines.capacity.push_back(static_cast<Amount>(units * kAmountsPerUnit));
  }
  cluster.classes.push_back(std::move(machines));
  cluster.machines.resize(options.machines);
  return cluster;
}

/// gpu 0-4 of a worker, none of a server; cpu 1-10, memory 2-32, storage 5-10 of either.
ResourceVector random_task(RandomStream& random, std::size_t types, bool worker) {
  constexpr std::int64_t low[] = {0, 1, 2, 5};
  constexpr std::int64_t high[] = {4, 10, 32, 10};
  ResourceVector task;
  for (std::size_t r = 0; r < types; ++r) {
    const std::int64_t units = r < 4 ? random.integer(low[r], high[r]) : random.integer(1, 10);
    task.push_back(r == 0 && !worker ? 0 : units * kAmountsPerUnit);
  }
  return task;
}

}  // namespace

MixedState::MixedState(const MixedStateOptions& options)
    : options_(options),
      cluster_(cluster_of(options)),
      ledger_(cluster_),
      units_(price_units(cluster_, true)) {
  BoundsEstimator estimator(cluster_, units_,
                            {.slot = Seconds(1),
                             .slot_count = static_cast<double>(options.slots),
                             .horizon = Seconds(static_cast<double>(options.slots)),
                             .paper_time = true,
                             .quantile = 0.95,
                             .density_ceiling = true});
  for (std::uint64_t i = 0; i < 200; ++i) estimator.observe(job(1'000'000 + i));
  bounds_ = estimator.bounds();
  fill();
}

void MixedState::fill() {
  const ResourceVector& capacity = cluster_.classes[0].capacity;
  const double all = static_cast<double>(options_.machines * capacity.size()) *
                     static_cast<double>(options_.slots);
  double used = 0;
  for (std::uint64_t number = 0; used < options_.load * all; ++number) {
    RandomStream random(options_.seed, Purpose::placement, number);
    JobSpec booked;
    booked.worker = random_task(random, capacity.size(), true);
    booked.server = random_task(random, capacity.size(), false);
    const SlotIndex length = random.integer(1, 40);
    const SlotIndex first = random.integer(1 - length, options_.slots - 1);
    const SlotIndex begin = std::max<SlotIndex>(first, 0);
    const SlotIndex end = std::min(first + length, options_.slots);
    const auto places = random.integer(1, 8);
    for (std::int64_t i = 0; i < places; ++i) {
      const auto machine = random.integer(0, static_cast<std::int64_t>(options_.machines) - 1);
      const TaskGroup group{MachineId(static_cast<std::uint32_t>(machine)),
                            static_cast<int>(random.integer(1, 4)),
                            static_cast<int>(random.integer(0, 2))};
      bool has_room = true;
      for (SlotIndex slot = begin; slot < end && has_room; slot = ledger_.run(slot).end)
        has_room = ledger_.has_room(slot, booked, {&group, 1});
      if (!has_room) continue;
      ledger_.book(begin, end, booked, {&group, 1}, +1);
      for (std::size_t r = 0; r < capacity.size(); ++r)
        used += static_cast<double>(group.workers * booked.worker[r] +
                                    group.servers * booked.server[r]) /
                static_cast<double>(capacity[r]) * static_cast<double>(end - begin);
    }
  }
}

JobSpec MixedState::job(std::uint64_t number) const {
  RandomStream random(options_.seed, Purpose::job_shape, number);
  JobSpec job;
  job.name = "job-" + std::to_string(number);
  job.worker = random_task(random, options_.resource_types, true);
  job.server = random_task(random, options_.resource_types, false);
  const ParameterServerThroughput shape{
      .compute_per_sample = Seconds(random.uniform(1e-5, 1e-4)),
      .gradient = Bytes(random.uniform(30e6, 575e6)),
      .workers_per_server = static_cast<double>(random.integer(1, 10)),
      .global_batch = static_cast<int>(random.integer(1, 200)),
      .rate_inside = BytesPerSecond(1e13),
      .rate_across = BytesPerSecond(1e12)};
  job.throughput = shape;
  const int most = shape.global_batch;
  const double rate = samples_per_second(job.throughput, {most, servers_for(job.throughput, most)},
                                         Locality::cluster);
  job.samples = rate * random.uniform(0.5, 20);
  const double value = random.uniform(1, 100);
  const double kind = random.uniform();
  const double steepness = kind < 0.1 ? 0.0 : kind < 0.65 ? random.uniform(0.01, 1) : 4;
  job.utility = SigmoidUtility{value, steepness, Seconds(random.uniform(1, 15))};
  return job;
}

double MixedState::states_per_slot() const {
  double sum = 0;
  for (SlotIndex slot = 0; slot < options_.slots; ++slot)
    sum += static_cast<double>(ledger_.groups(slot).size());
  return sum / static_cast<double>(options_.slots);
}

}  // namespace bourse
