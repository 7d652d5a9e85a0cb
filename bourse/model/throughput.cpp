#include "bourse/model/throughput.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bourse {
namespace {

/// ceil that forgives the rounding error of the arithmetic before it.
int ceil_count(double exact) {
  const double count = std::ceil(exact - 1e-9 * std::max(1.0, std::abs(exact)));
  return count > kMaxWorkers ? kMaxWorkers + 1 : static_cast<int>(count);
}

BytesPerSecond rate_at(const ParameterServerThroughput& t, Locality locality) {
  return locality == Locality::machine ? t.rate_inside : t.rate_across;
}

BytesPerSecond rate_at(const RingThroughput& t, Locality locality) {
  if (locality == Locality::machine) return t.rate_inside;
  return locality == Locality::rack ? t.rate_in_rack : t.rate_across;
}

/// q of the paper: seconds per sample of one worker.
double seconds_per_sample(const ParameterServerThroughput& t, Locality locality, double speed) {
  const Seconds push_and_pull = 2 * t.gradient / rate_at(t, locality);
  return t.compute_per_sample.value / speed +
         t.workers_per_server / t.global_batch * push_and_pull.value;
}

double speed_of(const ParameterServerThroughput& t, TaskCounts tasks, Locality locality,
                double speed) {
  const double served = std::floor(tasks.servers * t.workers_per_server + 1e-9);
  const int workers = std::min(tasks.workers, t.global_batch);
  const double helping = std::min(static_cast<double>(workers), served);
  return helping <= 0 ? 0 : helping / seconds_per_sample(t, locality, speed);
}

double speed_of(const RingThroughput& t, TaskCounts tasks, Locality locality, double speed) {
  if (tasks.workers <= 0) return 0;
  const int n = std::min(tasks.workers, t.global_batch);
  const double compute = t.global_batch * t.compute_per_sample.value / speed / n;
  const double exchange = n == 1 ? 0 : (2 * t.gradient / rate_at(t, locality)).value * (n - 1) / n;
  return t.global_batch / (compute + exchange);
}

double speed_of(const RigidThroughput& t, TaskCounts tasks, Locality, double speed) {
  return tasks.workers >= t.workers && tasks.servers >= t.servers ? speed : 0;
}

double speed_of(const TableThroughput& t, TaskCounts tasks, Locality locality, double speed) {
  double best = 0;
  for (const auto& point : t.points)
    if (point.workers <= tasks.workers && point.servers <= tasks.servers &&
        point.locality >= locality)
      best = std::max(best, point.samples_per_second);
  return best * speed;
}

double speed_of(const AdaptiveThroughput& t, TaskCounts tasks, Locality locality, double speed) {
  if (tasks.workers <= 0) return 0;
  return pace_at(t, tasks.workers, locality != Locality::machine, speed, t.requested_batch)
      .progress;
}

std::optional<TaskCounts> tasks_for(const ParameterServerThroughput& t, double rate,
                                    Locality locality, double speed) {
  const int workers = std::max(1, ceil_count(rate * seconds_per_sample(t, locality, speed)));
  if (workers > t.global_batch) return std::nullopt;
  return TaskCounts{workers, ceil_count(workers / t.workers_per_server)};
}

std::optional<TaskCounts> tasks_for(const RingThroughput& t, double rate, Locality locality,
                                    double speed) {
  const auto reaches = [&](int workers) {
    return speed_of(t, {workers, 0}, locality, speed) >= rate * (1 - 1e-12);
  };
  if (reaches(1)) return TaskCounts{1, 0};
  // Beyond one worker, speed = F n / (F tau + 2 g / b (n - 1)) moves one way only in n.
  const double compute = t.global_batch * t.compute_per_sample.value / speed;
  const double exchange = (2 * t.gradient / rate_at(t, locality)).value;
  const double gain = t.global_batch - exchange * rate;
  if (gain <= 0) return std::nullopt;
  int workers = std::max(2, ceil_count(rate * (compute - exchange) / gain));
  if (workers <= t.global_batch && !reaches(workers)) ++workers;
  if (workers > t.global_batch || !reaches(workers)) return std::nullopt;
  return TaskCounts{workers, 0};
}

std::optional<TaskCounts> tasks_for(const RigidThroughput& t, double rate, Locality, double speed) {
  if (rate > speed * (1 + 1e-12)) return std::nullopt;
  return TaskCounts{t.workers, t.servers};
}

std::optional<TaskCounts> tasks_for(const TableThroughput& t, double rate, Locality locality,
                                    double speed) {
  std::optional<TaskCounts> best;
  for (const auto& point : t.points) {
    if (point.locality < locality || point.samples_per_second * speed < rate * (1 - 1e-12))
      continue;
    if (!best || point.workers < best->workers ||
        (point.workers == best->workers && point.servers < best->servers))
      best = TaskCounts{point.workers, point.servers};
  }
  return best;
}

std::optional<TaskCounts> tasks_for(const AdaptiveThroughput& t, double rate, Locality locality,
                                    double speed) {
  for (int workers = 1; workers <= t.max_workers; ++workers)
    if (speed_of(t, {workers, 0}, locality, speed) >= rate * (1 - 1e-12))
      return TaskCounts{workers, 0};
  return std::nullopt;
}

bool positive(double value) { return std::isfinite(value) && value > 0; }

Result<void> check_batch(int batch) {
  if (batch < 1 || batch > kMaxWorkers)
    return invalid("global_batch must be a whole number from 1 to 1000000");
  return {};
}

Result<void> check(const ParameterServerThroughput& t) {
  BOURSE_TRY_VOID(check_batch(t.global_batch));
  if (!positive(t.compute_per_sample.value)) return invalid("compute_per_sample must be above 0");
  if (!std::isfinite(t.gradient.value) || t.gradient.value < 0)
    return invalid("gradient must be a size of at least 0");
  if (!positive(t.workers_per_server)) return invalid("workers_per_server must be above 0");
  if (!positive(t.rate_inside.value)) return invalid("rate_inside must be above 0");
  if (!positive(t.rate_across.value)) return invalid("rate_across must be above 0");
  if (t.rate_across > t.rate_inside) return invalid("rate_across must be at most rate_inside");
  if (t.global_batch / t.workers_per_server > kMaxWorkers)
    return invalid("workers_per_server is so small that more than 1000000 servers would be needed");
  return {};
}

Result<void> check(const RingThroughput& t) {
  BOURSE_TRY_VOID(check_batch(t.global_batch));
  if (!positive(t.compute_per_sample.value)) return invalid("compute_per_sample must be above 0");
  if (!std::isfinite(t.gradient.value) || t.gradient.value < 0)
    return invalid("gradient must be a size of at least 0");
  if (!positive(t.rate_inside.value)) return invalid("rate_inside must be above 0");
  if (!positive(t.rate_in_rack.value)) return invalid("rate_in_rack must be above 0");
  if (!positive(t.rate_across.value)) return invalid("rate_across must be above 0");
  if (t.rate_across > t.rate_in_rack || t.rate_in_rack > t.rate_inside)
    return invalid("the rates must not grow with distance: inside, in_rack, across");
  return {};
}

Result<void> check(const RigidThroughput& t) {
  if (t.workers < 1 || t.workers > kMaxWorkers)
    return invalid("workers must be a whole number from 1 to 1000000");
  if (t.servers < 0 || t.servers > kMaxWorkers)
    return invalid("servers must be a whole number from 0 to 1000000");
  return {};
}

Result<void> check(const TableThroughput& t) {
  if (t.points.empty()) return invalid("a table needs at least one measured point");
  for (const auto& point : t.points) {
    BOURSE_TRY_VOID(check(RigidThroughput{point.workers, point.servers}));
    if (!positive(point.samples_per_second)) return invalid("samples_per_second must be above 0");
  }
  return {};
}

}  // namespace

double samples_per_second(const Throughput& throughput, TaskCounts tasks, Locality locality,
                          double speed) {
  return std::visit([&](const auto& t) { return speed_of(t, tasks, locality, speed); }, throughput);
}

TrainingPace pace_of(const Throughput& throughput, TaskCounts tasks, Locality locality,
                     double speed, int batch) {
  if (const auto* adaptive = std::get_if<AdaptiveThroughput>(&throughput)) {
    if (tasks.workers <= 0) return {};
    return pace_at(*adaptive, tasks.workers, locality != Locality::machine, speed,
                   batch > 0 ? batch : adaptive->requested_batch);
  }
  const double rate = samples_per_second(throughput, tasks, locality, speed);
  return {rate, rate};
}

double best_samples_per_second(const Throughput& throughput, TaskCounts tasks, Locality locality,
                               double speed) {
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&throughput);
  if (adaptive == nullptr || tasks.workers <= 0)
    return samples_per_second(throughput, tasks, locality, speed);
  const bool is_spread = locality != Locality::machine;
  const int batch = best_batch(*adaptive, tasks.workers, is_spread, speed);
  return pace_at(*adaptive, tasks.workers, is_spread, speed, batch).progress;
}

double samples_per_second_bound(const Throughput& throughput, TaskCounts tasks, Locality locality,
                                double speed) {
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&throughput);
  if (adaptive == nullptr || tasks.workers <= 0)
    return samples_per_second(throughput, tasks, locality, speed);
  return progress_bound(*adaptive, tasks.workers, locality != Locality::machine, speed);
}

Throughput with_best_batches(const Throughput& throughput) {
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&throughput);
  if (adaptive == nullptr) return throughput;
  TableThroughput table;
  for (int n = 1; n <= adaptive->max_workers; ++n)
    for (const Locality locality : {Locality::machine, Locality::cluster})
      table.points.push_back(
          {n, 0, locality, best_samples_per_second(throughput, {n, 0}, locality)});
  return table;
}

std::optional<TaskCounts> tasks_for_rate(const Throughput& throughput, double rate,
                                         Locality locality, double speed) {
  return std::visit([&](const auto& t) { return tasks_for(t, rate, locality, speed); }, throughput);
}

int servers_for(const Throughput& throughput, int workers) {
  if (const auto* ps = std::get_if<ParameterServerThroughput>(&throughput))
    return ceil_count(workers / ps->workers_per_server);
  if (const auto* rigid = std::get_if<RigidThroughput>(&throughput)) return rigid->servers;
  if (const auto* table = std::get_if<TableThroughput>(&throughput)) {
    int widest = 0;
    int fewest = 0;
    for (const auto& point : table->points) {
      if (point.workers > workers || point.workers < widest) continue;
      fewest = point.workers > widest ? point.servers : std::min(fewest, point.servers);
      widest = point.workers;
    }
    return fewest;
  }
  return 0;
}

int min_workers(const Throughput& throughput) {
  if (const auto* rigid = std::get_if<RigidThroughput>(&throughput)) return rigid->workers;
  if (const auto* table = std::get_if<TableThroughput>(&throughput))
    return std::ranges::min(table->points, {}, &TableThroughput::Point::workers).workers;
  return 1;
}

int max_workers(const Throughput& throughput) {
  if (const auto* ps = std::get_if<ParameterServerThroughput>(&throughput)) return ps->global_batch;
  if (const auto* ring = std::get_if<RingThroughput>(&throughput)) return ring->global_batch;
  if (const auto* rigid = std::get_if<RigidThroughput>(&throughput)) return rigid->workers;
  if (const auto* adaptive = std::get_if<AdaptiveThroughput>(&throughput))
    return adaptive->max_workers;
  const auto& points = std::get<TableThroughput>(throughput).points;
  return std::ranges::max(points, {}, &TableThroughput::Point::workers).workers;
}

int next_workers(const Throughput& throughput, int workers) {
  if (workers >= max_workers(throughput)) return workers;
  if (workers < min_workers(throughput)) return min_workers(throughput);
  const auto* table = std::get_if<TableThroughput>(&throughput);
  if (table == nullptr) return workers + 1;
  int next = max_workers(throughput);
  for (const auto& point : table->points)
    if (point.workers > workers) next = std::min(next, point.workers);
  return next;
}

bool is_rigid(const Throughput& throughput) {
  return std::holds_alternative<RigidThroughput>(throughput);
}

Result<void> validate(const Throughput& throughput) {
  return std::visit([](const auto& t) { return check(t); }, throughput);
}

}  // namespace bourse
