#include "bourse/offline/shapes.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "bourse/model/throughput.h"

namespace bourse {
namespace {

/// Machines that are `locality` close to each other.
struct Place {
  Locality locality = Locality::cluster;
  std::vector<MachineId> machines;
};

/// Each machine, each rack of several machines, and the cluster if it has several racks. The last
/// one is the widest.
std::vector<Place> places_of(const Cluster& cluster) {
  std::vector<Place> places;
  std::map<std::uint32_t, Place> racks;
  Place all;
  for (std::size_t h = 0; h < cluster.machines.size(); ++h) {
    const MachineId id(h);
    places.push_back({Locality::machine, {id}});
    Place& rack = racks[cluster.machines[h].rack];
    rack.locality = Locality::rack;
    rack.machines.push_back(id);
    all.machines.push_back(id);
  }
  const std::size_t rack_count = racks.size();
  for (auto& [number, rack] : racks)
    if (rack.machines.size() > 1) places.push_back(std::move(rack));
  if (rack_count > 1) places.push_back(std::move(all));
  return places;
}

std::set<double> speeds_of(const Cluster& cluster, const std::vector<MachineId>& machines) {
  std::set<double> speeds;
  for (const MachineId id : machines) speeds.insert(cluster.class_of(id).speed);
  return speeds;
}

/// The task counts worth a look: nothing between two of them trains faster than the lower one.
std::vector<TaskCounts> candidate_counts(const Throughput& throughput, int most_workers) {
  std::vector<TaskCounts> counts;
  if (const auto* table = std::get_if<TableThroughput>(&throughput)) {
    for (const auto& point : table->points) counts.push_back({point.workers, point.servers});
    return counts;
  }
  const int most = std::min(max_workers(throughput), most_workers);
  for (int n = min_workers(throughput); n <= most; ++n)
    counts.push_back({n, servers_for(throughput, n)});
  return counts;
}

/// Drops configs that need no fewer tasks of each role than another and train no faster.
void keep_undominated(std::vector<Config>& configs) {
  std::ranges::sort(configs, [](const Config& a, const Config& b) {
    return std::tuple(a.workers, a.servers, -a.rate) < std::tuple(b.workers, b.servers, -b.rate);
  });
  std::vector<Config> kept;
  for (const Config& config : configs) {
    const auto dominates = [&](const Config& other) {
      return other.servers <= config.servers && other.rate >= config.rate;
    };
    if (std::ranges::none_of(kept, dominates)) kept.push_back(config);
  }
  configs = std::move(kept);
}

/// What the machines of a place have together.
ResourceVector total_of(const Cluster& cluster, const Place& place) {
  ResourceVector total(cluster.types.size());
  for (const MachineId id : place.machines) take(total, cluster.capacity(id), -1);
  return total;
}

/// True if the tasks could be cut into pieces that fit `room`; exact for one machine.
bool fits_in(const JobSpec& job, TaskCounts tasks, ResourceVector room) {
  if (!fits(job.worker, room, tasks.workers)) return false;
  take(room, job.worker, tasks.workers);
  return fits(job.server, room, tasks.servers);
}

Scope scope_of(const JobSpec& job, const Cluster& cluster, const Place& place, double speed,
               Locality widest) {
  Scope scope{.machines = place.machines};
  std::int64_t room = 0;
  for (const MachineId id : place.machines) {
    const bool fast = cluster.class_of(id).speed >= speed;
    scope.takes_workers.push_back(fast ? 1 : 0);
    if (fast) room += most_on(job.worker, cluster, id, max_workers(job.throughput));
  }
  const auto rate = [&](TaskCounts tasks, Locality locality) {
    return samples_per_second_bound(job.throughput, tasks, locality, speed);
  };
  // Where being close does not help, the widest place has the same at its own locality.
  const auto helps = [&](TaskCounts tasks) {
    return rate(tasks, place.locality) > rate(tasks, widest) || place.locality == widest;
  };
  const ResourceVector total = total_of(cluster, place);
  int most = static_cast<int>(std::min<std::int64_t>(room, max_workers(job.throughput)));
  if (std::holds_alternative<ParameterServerThroughput>(job.throughput)) {
    const auto served = [&](int n) { return TaskCounts{n, servers_for(job.throughput, n)}; };
    while (most > 0 && !fits_in(job, served(most), total)) --most;
    if (most == 0 || !helps(served(1))) return scope;
    scope.rate_per_worker = rate(served(1), place.locality);
    scope.most_workers = most;
    return scope;
  }
  for (const TaskCounts& tasks : candidate_counts(job.throughput, most))
    if (tasks.workers <= most && fits_in(job, tasks, total) && rate(tasks, place.locality) > 0 &&
        helps(tasks))
      scope.configs.push_back({tasks.workers, tasks.servers, rate(tasks, place.locality)});
  keep_undominated(scope.configs);
  return scope;
}

}  // namespace

double Scope::fastest() const {
  double rate = rate_per_worker * most_workers;
  for (const Config& config : configs) rate = std::max(rate, config.rate);
  return rate;
}

int most_on(const ResourceVector& demand, const Cluster& cluster, MachineId machine, int limit) {
  return static_cast<int>(count_that_fits(demand, cluster.capacity(machine), limit));
}

std::vector<Scope> scopes_of(const JobSpec& job, const Cluster& cluster) {
  std::vector<Scope> scopes;
  const std::vector<Place> places = places_of(cluster);
  if (places.empty()) return scopes;
  const Locality widest = places.back().locality;
  for (const Place& place : places)
    for (const double speed : speeds_of(cluster, place.machines)) {
      Scope scope = scope_of(job, cluster, place, speed, widest);
      if (scope.rate_per_worker > 0 || !scope.configs.empty()) scopes.push_back(std::move(scope));
    }
  return scopes;
}

}  // namespace bourse
