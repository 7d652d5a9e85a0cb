#include <fmt/core.h>

#include <algorithm>

#include "bourse/base/text.h"
#include "bourse/model/workload.h"
#include "bourse/service/job_file.h"

namespace bourse {
namespace {

constexpr int kMostSizes = 64;         ///< Rows of a table by size.
constexpr double kLossPerMore = 0.05;  ///< Of the first guess; see bind_job.
constexpr double kSpreadSpeed = 0.9;

/// All sizes from the fewest to the most workers, or kMostSizes of them, evenly spread.
std::vector<int> sizes_of(const JobFile& file) {
  const std::int64_t range = file.max_workers - file.min_workers;
  const std::int64_t steps = std::min<std::int64_t>(range, kMostSizes - 1);
  std::vector<int> sizes{file.min_workers};
  for (std::int64_t step = 1; step <= steps; ++step)
    sizes.push_back(file.min_workers + static_cast<int>(step * range / steps));
  return sizes;
}

Throughput tabulated(const JobFile& file) {
  TableThroughput table;
  for (const int workers : sizes_of(file)) {
    const TaskCounts tasks{workers, servers_of(file, workers)};
    double farther = 0;
    for (const Locality locality : {Locality::cluster, Locality::rack, Locality::machine}) {
      const double speed = samples_per_second(*file.throughput, tasks, locality);
      if (speed > farther)
        table.points.push_back({.workers = tasks.workers,
                                .servers = tasks.servers,
                                .locality = locality,
                                .samples_per_second = speed});
      farther = std::max(farther, speed);
    }
  }
  return table;
}

Throughput guessed(const JobFile& file, double speed_of_fewest) {
  TableThroughput table;
  for (const int workers : sizes_of(file)) {
    const double times = static_cast<double>(workers) / file.min_workers;
    const double speed = speed_of_fewest * times / (1 + kLossPerMore * (times - 1));
    const int servers = servers_of(file, workers);
    table.points.push_back({.workers = workers,
                            .servers = servers,
                            .locality = Locality::machine,
                            .samples_per_second = speed});
    table.points.push_back({.workers = workers,
                            .servers = servers,
                            .locality = Locality::cluster,
                            .samples_per_second = kSpreadSpeed * speed});
  }
  return table;
}

/// Sets work and throughput of a job of which no speed was stated.
void guess(const JobFile& file, JobSpec& job) {
  const Seconds duration = file.duration.value > 0 ? file.duration : kGuessedDuration;
  job.samples = file.samples > 0 ? file.samples : duration.value;
  if (file.samples == 0 && file.min_workers == file.max_workers)
    job.throughput =
        RigidThroughput{.workers = file.min_workers, .servers = servers_of(file, file.min_workers)};
  else
    job.throughput = guessed(file, job.samples / duration.value);
}

void state(const JobFile& file, JobSpec& job) {
  const bool has_all_sizes = min_workers(*file.throughput) == file.min_workers &&
                             max_workers(*file.throughput) == file.max_workers;
  job.throughput = has_all_sizes ? *file.throughput : tabulated(file);
  const TaskCounts fewest{file.min_workers, servers_of(file, file.min_workers)};
  job.samples =
      file.samples > 0
          ? file.samples
          : file.duration.value * samples_per_second(*file.throughput, fewest, Locality::machine);
}

}  // namespace

int told_batch(const JobFile& file, int decided) {
  if (decided > 0) return decided;
  const auto* law = file.throughput ? std::get_if<AdaptiveThroughput>(&*file.throughput) : nullptr;
  return law != nullptr ? law->requested_batch : file.global_batch;
}

int servers_of(const JobFile& file, int workers) {
  if (!file.servers) return 0;
  if (file.throughput) return servers_for(*file.throughput, workers);
  const int ratio = file.server_count.workers_per_server;
  return ratio > 0 ? (workers + ratio - 1) / ratio : file.server_count.count;
}

Result<JobSpec> bind_job(const JobFile& file, const Cluster& cluster, Seconds arrival) {
  JobSpec job;
  job.name = file.name;
  job.group = file.group;
  job.arrival = arrival;
  job.worker = file.workers.demand;
  if (file.servers) job.server = file.servers->demand;
  job.utility = file.utility;
  job.restart_cost = file.restart_cost;
  job.requested_workers = file.min_workers;
  job.requested_servers = servers_of(file, file.min_workers);
  if (file.throughput)
    state(file, job);
  else
    guess(file, job);
  if (const auto ok = validate(job); !ok)
    return invalid(fmt::format("job '{}': {}", quotable(file.name), ok.error().message));
  if (const auto ok = bind(job, file.types, cluster); !ok)
    return invalid(fmt::format("job '{}' {}", quotable(file.name), ok.error().message));
  return job;
}

std::vector<std::string> missing_programs(const JobFile& file, std::string_view directory,
                                          std::string_view path,
                                          const std::function<bool(const std::string&)>& exists) {
  const auto is_there = [&](std::string_view program) {
    if (program.starts_with('/')) return exists(std::string(program));
    if (program.find('/') != std::string_view::npos)
      return exists(fmt::format("{}/{}", directory, program));
    return std::ranges::any_of(split(path, ':'), [&](std::string_view folder) {
      return exists(fmt::format("{}/{}", folder, program));
    });
  };
  std::vector<std::string> sentences;
  const auto look = [&](std::string_view role, const TaskCommand& task) {
    const std::string_view program = task.command.front();
    if (is_there(program)) return;
    sentences.push_back(
        fmt::format("the command of the {}: there is no '{}' here; it may be on the "
                    "machines that run it",
                    role, quotable(program)));
  };
  look("workers", file.workers);
  if (file.servers) look("servers", *file.servers);
  return sentences;
}

}  // namespace bourse
