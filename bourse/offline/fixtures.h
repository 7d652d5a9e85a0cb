#pragma once

// Small instances for the tests of this room and of tests/oracle.

#include <cstdint>
#include <string>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/model/workload.h"

namespace bourse::testing {

/// Slotted time with slots of one second, so that rates per slot are rates per second; machines
/// have gpus and cpus.
inline Instance empty_instance(std::int64_t slots) {
  Instance instance;
  BOURSE_CHECK(instance.cluster.types.add("gpu", ResourceKind::count).has_value());
  BOURSE_CHECK(instance.cluster.types.add("cpu", ResourceKind::count).has_value());
  instance.horizon = Seconds(static_cast<double>(slots));
  instance.slot = Seconds(1);
  return instance;
}

/// Adds a machine of a class of its own.
inline void add_machine(Instance& instance, Amount gpus, Amount cpus, std::uint32_t rack = 0,
                        double speed = 1) {
  instance.cluster.machines.push_back(
      {static_cast<std::uint32_t>(instance.cluster.classes.size()), rack});
  instance.cluster.classes.push_back(
      {.name = "m", .capacity = {gpus * kAmountsPerUnit, cpus * kAmountsPerUnit}, .speed = speed});
}

/// One gpu and one cpu for a worker, one cpu for a server; worth 10 at any time.
inline JobSpec make_job(Throughput throughput, double samples) {
  JobSpec job;
  job.name = "job";
  job.samples = samples;
  job.worker = {kAmountsPerUnit, kAmountsPerUnit};
  job.server = {0, kAmountsPerUnit};
  job.throughput = std::move(throughput);
  job.utility = ConstantUtility{10};
  return job;
}

/// Oracle 1 of the PD-ORS specification: q_int = .0081, q_ext = .1601 slots per sample.
inline ParameterServerThroughput oracle_shape() {
  return {.compute_per_sample = Seconds(1e-4),
          .gradient = Bytes(100),
          .workers_per_server = 4,
          .global_batch = 100,
          .rate_inside = BytesPerSecond(1000),
          .rate_across = BytesPerSecond(50)};
}

/// Any of the five shapes, for at most four workers.
inline Throughput random_shape(RandomStream& random) {
  switch (random.integer(0, 4)) {
    case 0:
      return ParameterServerThroughput{.compute_per_sample = Seconds(0.5),
                                       .gradient = Bytes(1),
                                       .workers_per_server = random.uniform(0.9, 4),
                                       .global_batch = static_cast<int>(random.integer(2, 4)),
                                       .rate_inside = BytesPerSecond(20),
                                       .rate_across = BytesPerSecond(random.uniform(2, 20))};
    case 1:
      return RingThroughput{.compute_per_sample = Seconds(0.5),
                            .gradient = Bytes(1),
                            .global_batch = static_cast<int>(random.integer(1, 4)),
                            .rate_inside = BytesPerSecond(20),
                            .rate_in_rack = BytesPerSecond(5),
                            .rate_across = BytesPerSecond(1)};
    case 4:
      return AdaptiveThroughput{.step_fixed = Seconds(0.5),
                                .step_per_sample = Seconds(0.25),
                                .sync_inside = Seconds(0.5),
                                .sync_across = Seconds(1),
                                .base_batch = 2,
                                .requested_batch = 2,
                                .max_batch_per_worker = 2,
                                .max_workers = static_cast<int>(random.integer(1, 4)),
                                .noise_scale = random.uniform(0, 20),
                                .max_learning_rate = 4};
    case 2:
      return RigidThroughput{static_cast<int>(random.integer(1, 3)),
                             static_cast<int>(random.integer(0, 1))};
    default:
      return TableThroughput{{{1, 0, Locality::cluster, 1},
                              {2, 1, Locality::cluster, 1.5},
                              {2, 0, Locality::rack, 1.75},
                              {2, 0, Locality::machine, 2.25},
                              {4, 1, Locality::rack, 3}}};
  }
}

/// Any utility, worth 1 to 10, for delays of a few seconds.
inline Utility random_utility(RandomStream& random) {
  const double value = random.uniform(1, 10);
  switch (random.integer(0, 4)) {
    case 0:
      return ConstantUtility{value};
    case 1:
      return DeadlineUtility{value, Seconds(random.uniform(0, 4)), random.uniform(0, value)};
    case 2:
      return LinearDecayUtility{value, Seconds(0), Seconds(random.uniform(1, 8))};
    case 3:
      return PiecewiseLinearUtility{{{Seconds(1), value}, {Seconds(3), value / 3}}};
    default:
      return SigmoidUtility{value, random.uniform(0, 3), Seconds(random.uniform(0, 3))};
  }
}

/// A few jobs of any shape and utility on one to three machines, in one or two racks, of up to
/// three classes and two speeds; three or four slots.
inline Instance random_instance(RandomStream& random, std::int64_t most_jobs) {
  Instance instance = empty_instance(random.integer(3, 4));
  const std::int64_t machines = random.integer(1, 3);
  for (std::int64_t h = 0; h < machines; ++h) {
    const auto rack = static_cast<std::uint32_t>(random.integer(0, 1));
    if (h > 0 && random.integer(0, 1) == 0) {
      instance.cluster.machines.push_back({0, rack});
      continue;
    }
    add_machine(instance, random.integer(1, 4), random.integer(1, 6), rack,
                random.integer(0, 2) == 0 ? 1.5 : 1.0);
  }
  instance.cluster.rack_count = 2;
  const std::int64_t jobs = random.integer(1, most_jobs);
  for (std::int64_t i = 0; i < jobs; ++i) {
    JobSpec job = make_job(random_shape(random), random.uniform(0.5, 8));
    job.name = "job-" + std::to_string(i);
    job.server = {random.integer(0, 1) * kAmountsPerUnit, random.integer(1, 2) * kAmountsPerUnit};
    job.worker = {kAmountsPerUnit, random.integer(0, 2) * kAmountsPerUnit};
    job.arrival = Seconds(static_cast<double>(random.integer(0, 2)));
    job.utility = random_utility(random);
    job.requested_workers = min_workers(job.throughput);
    job.requested_servers = servers_for(job.throughput, job.requested_workers);
    instance.jobs.push_back(job);
  }
  return instance;
}

}  // namespace bourse::testing
