#include "bourse/trace/paper.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/base/units.h"
#include "bourse/trace/arrival_order.h"

namespace bourse {
namespace {

using Row = OptionRow<PaperOptions>;
using P = PaperOptions;
constexpr OptionUnit kCount = OptionUnit::count;
constexpr OptionUnit kNumber = OptionUnit::number;
constexpr OptionUnit kBytes = OptionUnit::bytes;
constexpr OptionUnit kRate = OptionUnit::bytes_per_second;
constexpr double kMostJobs = 1e6;
constexpr double kMostBytes = 0x1p40;  ///< 1 TiB, also a second.

constexpr std::array<Row, 47> kRows{{
    {"machines", &P::machines, kCount, 1, kMaxMachines, "machines, all alike"},
    {"jobs", &P::jobs, kCount, 1, kMostJobs, "jobs"},
    {"slots", &P::slots, kCount, 1, 1e6, "slots of the horizon"},
    {"slot", &P::slot, OptionUnit::seconds, 1, 1e7, "length of a slot"},
    {"epochs-min", &P::epochs_min, kCount, 1, 1e6, "E, epochs of a job, fewest"},
    {"epochs-max", &P::epochs_max, kCount, 1, 1e6, "E, epochs of a job, most"},
    {"samples-min", &P::samples_min, kCount, 1, 1e9, "K, samples of an epoch, fewest"},
    {"samples-max", &P::samples_max, kCount, 1, 1e9, "K, samples of an epoch, most"},
    {"gradient-min", &P::gradient_min, kBytes, 0, kMostBytes, "g, size of the gradient, smallest"},
    {"gradient-max", &P::gradient_max, kBytes, 0, kMostBytes, "g, size of the gradient, largest"},
    {"tau-min", &P::tau_min, kNumber, 1e-12, 1, "tau, slots to compute a sample, least"},
    {"tau-max", &P::tau_max, kNumber, 1e-12, 1, "tau, slots to compute a sample, most"},
    {"gamma-min", &P::gamma_min, kCount, 1, 1e4, "gamma, workers per server, fewest"},
    {"gamma-max", &P::gamma_max, kCount, 1, 1e4, "gamma, workers per server, most"},
    {"batch-min", &P::batch_min, kCount, 1, kMaxWorkers, "F, global batch, smallest"},
    {"batch-max", &P::batch_max, kCount, 1, kMaxWorkers, "F, global batch, largest"},
    {"rate-inside-min", &P::rate_inside_min, kRate, 1, kMostBytes,
     "b_int, within a machine, least"},
    {"rate-inside-max", &P::rate_inside_max, kRate, 1, kMostBytes, "b_int, within a machine, most"},
    {"rate-across-min", &P::rate_across_min, kRate, 1, kMostBytes, "b_ext, across machines, least"},
    {"rate-across-max", &P::rate_across_max, kRate, 1, kMostBytes, "b_ext, across machines, most"},
    {"worker-gpu-min", &P::worker_gpu_min, kCount, 0, 1e4, "GPUs of a worker, fewest"},
    {"worker-gpu-max", &P::worker_gpu_max, kCount, 0, 1e4, "GPUs of a worker, most"},
    {"worker-cpu-min", &P::worker_cpu_min, kCount, 1, 1e4, "CPUs of a worker, fewest"},
    {"worker-cpu-max", &P::worker_cpu_max, kCount, 1, 1e4, "CPUs of a worker, most"},
    {"worker-memory-min", &P::worker_memory_min, kCount, 0, 1e5, "GiB memory of a worker, least"},
    {"worker-memory-max", &P::worker_memory_max, kCount, 0, 1e5, "GiB memory of a worker, most"},
    {"worker-storage-min", &P::worker_storage_min, kCount, 0, 1e5, "GiB disk of a worker, least"},
    {"worker-storage-max", &P::worker_storage_max, kCount, 0, 1e5, "GiB disk of a worker, most"},
    {"server-cpu-min", &P::server_cpu_min, kCount, 0, 1e4, "CPUs of a server, fewest"},
    {"server-cpu-max", &P::server_cpu_max, kCount, 0, 1e4, "CPUs of a server, most"},
    {"server-memory-min", &P::server_memory_min, kCount, 0, 1e5, "GiB memory of a server, least"},
    {"server-memory-max", &P::server_memory_max, kCount, 0, 1e5, "GiB memory of a server, most"},
    {"server-storage-min", &P::server_storage_min, kCount, 0, 1e5, "GiB disk of a server, least"},
    {"server-storage-max", &P::server_storage_max, kCount, 0, 1e5, "GiB disk of a server, most"},
    {"capacity", &P::capacity, kNumber, 1, 1e4, "capacity of a machine in mean demands of a task"},
    {"workers-min", &P::workers_min, kCount, 1, kMaxWorkers, "requested workers, fewest"},
    {"workers-max", &P::workers_max, kCount, 1, kMaxWorkers, "requested workers, most"},
    {"value-min", &P::value_min, kNumber, 0, 1e9, "theta_1, lowest"},
    {"value-max", &P::value_max, kNumber, 0, 1e9, "theta_1, highest"},
    {"share-insensitive", &P::share_insensitive, kNumber, 0, 1, "share of jobs with theta_2 = 0"},
    {"share-critical", &P::share_critical, kNumber, 0, 1, "share of time-critical jobs"},
    {"sensitive-min", &P::sensitive_min, kNumber, 0, 1e3, "theta_2 per slot, sensitive, lowest"},
    {"sensitive-max", &P::sensitive_max, kNumber, 0, 1e3, "theta_2 per slot, sensitive, highest"},
    {"critical-min", &P::critical_min, kNumber, 0, 1e3, "theta_2 per slot, critical, lowest"},
    {"critical-max", &P::critical_max, kNumber, 0, 1e3, "theta_2 per slot, critical, highest"},
    {"midpoint-min", &P::midpoint_min, kNumber, 0, 1e6, "theta_3 in slots, lowest"},
    {"midpoint-max", &P::midpoint_max, kNumber, 0, 1e6, "theta_3 in slots, highest"},
}};

Result<void> check(const PaperOptions& o) {
  for (std::size_t i = 0; i + 1 < kRows.size(); ++i) {
    const bool range = kRows[i].name.ends_with("-min") && kRows[i + 1].name.ends_with("-max");
    if (range && o.*kRows[i].field > o.*kRows[i + 1].field)
      return invalid(fmt::format("option '{}' is {}, above option '{}', which is {}", kRows[i].name,
                                 option_text(kRows[i].unit, o.*kRows[i].field), kRows[i + 1].name,
                                 option_text(kRows[i].unit, o.*kRows[i + 1].field)));
  }
  if (o.rate_across_max > o.rate_inside_min)
    return invalid("option 'rate-across-max' must be at most option 'rate-inside-min'");
  if (o.share_insensitive + o.share_critical > 1)
    return invalid("options 'share-insensitive' and 'share-critical' exceed 1 in sum");
  return {};
}

std::int64_t whole(RandomStream& stream, double low, double high) {
  return stream.integer(static_cast<std::int64_t>(low), static_cast<std::int64_t>(high));
}

constexpr Amount kGib = 1024 * kAmountsPerUnit;

/// Demands and capacities in the order gpu, cpu, memory, storage.
ResourceTypes resource_types() {
  ResourceTypes types;
  BOURSE_CHECK(types.add("gpu", ResourceKind::count).has_value());
  BOURSE_CHECK(types.add("cpu", ResourceKind::count).has_value());
  BOURSE_CHECK(types.add("memory", ResourceKind::bytes).has_value());
  BOURSE_CHECK(types.add("storage", ResourceKind::bytes).has_value());
  return types;
}

Cluster paper_cluster(const PaperOptions& o) {
  // The mean demand of a task: half are workers, half servers; only workers have GPUs.
  const auto capacity = [&](double sum_of_ends, int ends, Amount unit) {
    return static_cast<Amount>(std::round(o.capacity * sum_of_ends / ends)) * unit;
  };
  Cluster cluster;
  cluster.types = resource_types();
  cluster.classes.push_back(
      {.name = "machine",
       .capacity = {
           capacity(o.worker_gpu_min + o.worker_gpu_max, 2, kAmountsPerUnit),
           capacity(o.worker_cpu_min + o.worker_cpu_max + o.server_cpu_min + o.server_cpu_max, 4,
                    kAmountsPerUnit),
           capacity(o.worker_memory_min + o.worker_memory_max + o.server_memory_min +
                        o.server_memory_max,
                    4, kGib),
           capacity(o.worker_storage_min + o.worker_storage_max + o.server_storage_min +
                        o.server_storage_max,
                    4, kGib)}});
  cluster.machines.resize(static_cast<std::size_t>(o.machines));
  return cluster;
}

SigmoidUtility draw_utility(const PaperOptions& o, RandomStream stream) {
  SigmoidUtility utility;
  utility.value = stream.uniform(o.value_min, o.value_max);
  const double kind = stream.uniform();
  utility.midpoint = Seconds(stream.uniform(o.midpoint_min, o.midpoint_max) * o.slot);
  const double steepness = stream.uniform();
  if (kind < o.share_insensitive) return utility;
  const bool critical = kind < o.share_insensitive + o.share_critical;
  utility.steepness = std::lerp(critical ? o.critical_min : o.sensitive_min,
                                critical ? o.critical_max : o.sensitive_max, steepness) /
                      o.slot;
  return utility;
}

JobSpec draw_job(const PaperOptions& o, std::uint64_t seed, std::size_t index) {
  RandomStream shape(seed, Purpose::job_shape, index);
  JobSpec job;
  const auto epochs = static_cast<double>(whole(shape, o.epochs_min, o.epochs_max));
  job.samples = epochs * static_cast<double>(whole(shape, o.samples_min, o.samples_max));
  ParameterServerThroughput speed;
  speed.gradient = Bytes(shape.uniform(o.gradient_min, o.gradient_max));
  speed.compute_per_sample = Seconds(shape.uniform(o.tau_min, o.tau_max) * o.slot);
  speed.workers_per_server = static_cast<double>(whole(shape, o.gamma_min, o.gamma_max));
  speed.global_batch = static_cast<int>(whole(shape, o.batch_min, o.batch_max));
  speed.rate_inside = BytesPerSecond(shape.uniform(o.rate_inside_min, o.rate_inside_max));
  speed.rate_across = BytesPerSecond(shape.uniform(o.rate_across_min, o.rate_across_max));
  job.throughput = speed;
  job.worker = {whole(shape, o.worker_gpu_min, o.worker_gpu_max) * kAmountsPerUnit,
                whole(shape, o.worker_cpu_min, o.worker_cpu_max) * kAmountsPerUnit,
                whole(shape, o.worker_memory_min, o.worker_memory_max) * kGib,
                whole(shape, o.worker_storage_min, o.worker_storage_max) * kGib};
  job.server = {0, whole(shape, o.server_cpu_min, o.server_cpu_max) * kAmountsPerUnit,
                whole(shape, o.server_memory_min, o.server_memory_max) * kGib,
                whole(shape, o.server_storage_min, o.server_storage_max) * kGib};
  const auto wanted = static_cast<int>(whole(shape, o.workers_min, o.workers_max));
  job.requested_workers = std::min(wanted, speed.global_batch);
  job.requested_servers = servers_for(job.throughput, job.requested_workers);
  RandomStream arrival(seed, Purpose::arrival, index);
  job.arrival = Seconds(static_cast<double>(whole(arrival, 0, o.slots - 1)) * o.slot);
  job.utility = draw_utility(o, RandomStream(seed, Purpose::utility, index));
  return job;
}

}  // namespace

std::span<const OptionRow<PaperOptions>> paper_option_rows() { return kRows; }

Result<Workload> generate_paper(const PaperOptions& options, std::uint64_t seed) {
  BOURSE_TRY_VOID(check(options));
  Workload workload;
  workload.types = resource_types();
  workload.cluster = paper_cluster(options);
  for (const Amount amount : workload.cluster->classes[0].capacity)
    if (static_cast<double>(amount) * options.machines > 0x1p62)
      return invalid(
          "the cluster is larger than can be counted; lower option 'machines', 'capacity' or the "
          "demands");
  workload.slot = Seconds(options.slot);
  workload.horizon = Seconds(options.slots * options.slot);
  const auto jobs = static_cast<std::size_t>(options.jobs);
  for (std::size_t i = 0; i < jobs; ++i) workload.jobs.push_back(draw_job(options, seed, i));
  sort_by_arrival(workload.jobs);
  for (std::size_t i = 0; i < jobs; ++i) workload.jobs[i].name = fmt::format("job-{}", i);
  return workload;
}

}  // namespace bourse
