#include "bourse/offline/relaxed_shape.h"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "bourse/model/throughput.h"

namespace bourse {
namespace {

/// More sizes than this are looked at in blocks.
constexpr std::int64_t kMostSizes = 2048;

using ClassCounts = std::vector<std::int64_t>;

/// Where tasks may be: so many machines of each class, that close to each other.
struct Area {
  Locality locality = Locality::machine;
  ClassCounts machines;
};

/// How many servers fit beside how many workers on the empty machines of an area, if tasks could be
/// cut where several machines share them: the concave hull of what each machine holds, summed. What
/// whole tasks can do is never above it, and on one machine nothing is cut.
class Packing {
 public:
  /// Workers only on machines of at least this speed.
  Packing(const Cluster& cluster, const Area& area, const JobSpec& job, double speed);

  /// No more workers than this fit.
  [[nodiscard]] std::int64_t most_workers() const;
  /// False only if the tasks surely do not fit.
  [[nodiscard]] bool may_fit(TaskCounts tasks) const;

 private:
  void add_machines(const ResourceVector& capacity, std::int64_t machines, const JobSpec& job,
                    std::int64_t most);

  /// Servers that make room for workers, along the hull.
  struct Trade {
    double workers = 0;
    double servers = 0;
  };
  bool is_machine_ = false;
  double idle_servers_ = 0;           ///< That fit beside no worker.
  double workers_ = 0;                ///< Most that fit.
  std::vector<Trade> trades_;         ///< By increasing servers per worker.
  std::vector<std::int64_t> beside_;  ///< On the one machine: servers by number of workers.
};

/// Looking at every number of workers on a machine ends here; beyond, tasks may be cut.
constexpr std::int64_t kMostBeside = 2048;

Packing::Packing(const Cluster& cluster, const Area& area, const JobSpec& job, double speed)
    : is_machine_(area.locality == Locality::machine) {
  for (std::size_t c = 0; c < area.machines.size(); ++c) {
    const MachineClass& machine_class = cluster.classes[c];
    if (area.machines[c] == 0) continue;
    const std::int64_t most =
        machine_class.speed < speed
            ? 0
            : count_that_fits(job.worker, machine_class.capacity, max_workers(job.throughput));
    workers_ += static_cast<double>(area.machines[c] * most);
    add_machines(machine_class.capacity, area.machines[c], job, most);
  }
  std::ranges::stable_sort(trades_, {},
                           [](const Trade& trade) { return trade.servers / trade.workers; });
}

void Packing::add_machines(const ResourceVector& capacity, std::int64_t machines,
                           const JobSpec& job, std::int64_t most) {
  const auto servers_beside = [&](std::int64_t workers) {
    ResourceVector free = capacity;
    take(free, job.worker, workers);
    return count_that_fits(job.server, free, kMaxWorkers);
  };
  const std::int64_t step = std::max<std::int64_t>(1, most / kMostBeside);
  std::vector<std::pair<std::int64_t, std::int64_t>> hull;  // workers, servers
  for (std::int64_t workers = 0;;) {
    // With steps, the servers beside the first of a step stand for all of it.
    const std::int64_t last = std::min(most, workers + step - 1);
    const std::pair<std::int64_t, std::int64_t> next{last, servers_beside(workers)};
    if (is_machine_ && step == 1) beside_.push_back(next.second);
    while (hull.size() > 1) {
      const auto& [w1, s1] = hull[hull.size() - 2];
      const auto& [w2, s2] = hull.back();
      if ((s2 - s1) * (next.first - w1) > (next.second - s1) * (w2 - w1)) break;
      hull.pop_back();
    }
    hull.push_back(next);
    if (last == most) break;
    workers = last + 1;
  }
  const auto count = static_cast<double>(machines);
  idle_servers_ += count * static_cast<double>(hull.front().second);
  if (hull.front().first > 0)
    trades_.push_back({count * static_cast<double>(hull.front().first), 0});
  for (std::size_t i = 1; i < hull.size(); ++i)
    trades_.push_back({count * static_cast<double>(hull[i].first - hull[i - 1].first),
                       count * static_cast<double>(hull[i - 1].second - hull[i].second)});
}

std::int64_t Packing::most_workers() const {
  return static_cast<std::int64_t>(std::min(workers_, 1e15));
}

bool Packing::may_fit(TaskCounts tasks) const {
  if (tasks.workers > workers_) return false;
  if (!beside_.empty()) return tasks.servers <= beside_[static_cast<std::size_t>(tasks.workers)];
  double servers = idle_servers_;
  double workers = tasks.workers;
  for (const Trade& trade : trades_) {
    if (workers <= 0) break;
    const double share = std::min(1.0, workers / trade.workers);
    servers -= share * trade.servers;
    workers -= trade.workers;
  }
  return tasks.servers <= servers * (1 + 1e-9) + 1e-9;
}

/// Fewest servers with which `workers` workers are all of use.
int fewest_servers(const Throughput& throughput, int workers) {
  int servers = servers_for(throughput, workers);
  const auto rate = [&](int count) {
    return samples_per_second_bound(throughput, {workers, count}, Locality::machine);
  };
  while (servers > 0 && rate(servers - 1) >= rate(servers)) --servers;
  return servers;
}

/// Sizes to look at, with at most the tasks and at least the speed of the true ones: all of them,
/// or the first of each block with the speed of the best one in it.
std::vector<Config> sizes_of(const JobSpec& job, std::int64_t most, Locality locality,
                             double speed) {
  const Throughput& shape = job.throughput;
  const auto rate = [&](int workers, int servers) {
    return samples_per_second_bound(shape, {workers, servers}, locality, speed);
  };
  std::vector<Config> sizes;
  if (const auto* table = std::get_if<TableThroughput>(&shape)) {
    for (const auto& point : table->points)
      if (point.workers <= most)
        sizes.push_back({point.workers, point.servers, rate(point.workers, point.servers)});
    return sizes;
  }
  const auto last = static_cast<int>(most);
  for (int n = min_workers(shape); n <= last;) {
    const int block = n < kMostSizes || std::holds_alternative<AdaptiveThroughput>(shape)
                          ? 1
                          : std::max(1, n / 256);
    const int end = std::min(last, n + block - 1);
    // Within a block the speed is largest at one of its ends: it moves one way only in n.
    const double best =
        std::max(rate(n, fewest_servers(shape, n)), rate(end, fewest_servers(shape, end)));
    sizes.push_back({n, fewest_servers(shape, n), best});
    n = end + 1;
  }
  return sizes;
}

/// Of configs with increasing workers, those that no mix of two others (or of one and nothing)
/// replaces with no more servers and no less speed for as many workers.
std::vector<Config> without_mixtures(const std::vector<Config>& configs) {
  std::vector<Config> kept{{0, 0, 0}};
  const auto replaces = [](const Config& a, const Config& between, const Config& b) {
    const double share = static_cast<double>(between.workers - a.workers) /
                         static_cast<double>(b.workers - a.workers);
    return a.servers + share * (b.servers - a.servers) <= between.servers + 1e-12 &&
           a.rate + share * (b.rate - a.rate) >= between.rate * (1 - 1e-12);
  };
  for (const Config& config : configs) {
    while (kept.size() > 1 && replaces(kept[kept.size() - 2], kept.back(), config)) kept.pop_back();
    kept.push_back(config);
  }
  kept.erase(kept.begin());
  return kept;
}

/// Drops points with no fewer tasks of each role and no more speed than another of their option.
void drop_dominated(std::vector<RelaxedPoint>& points) {
  std::ranges::sort(points, {}, [](const RelaxedPoint& p) {
    return std::tuple(p.option, p.tasks.workers, p.tasks.servers, -p.tasks.rate);
  });
  std::vector<RelaxedPoint> kept;
  for (const RelaxedPoint& point : points) {
    const auto dominates = [&](const RelaxedPoint& other) {
      return other.option == point.option && other.tasks.servers <= point.tasks.servers &&
             other.tasks.rate >= point.tasks.rate;
    };
    if (std::ranges::none_of(kept, dominates)) kept.push_back(point);
  }
  points = std::move(kept);
}

std::vector<std::uint32_t> classes_in(const Cluster& cluster, const ClassCounts& machines,
                                      double speed) {
  std::vector<std::uint32_t> classes;
  for (std::size_t c = 0; c < machines.size(); ++c)
    if (machines[c] > 0 && cluster.classes[c].speed >= speed)
      classes.push_back(static_cast<std::uint32_t>(c));
  return classes;
}

std::set<double> speeds_in(const Cluster& cluster, const ClassCounts& machines) {
  std::set<double> speeds;
  for (const std::uint32_t c : classes_in(cluster, machines, 0))
    speeds.insert(cluster.classes[c].speed);
  return speeds;
}

class ShapeBuilder {
 public:
  ShapeBuilder(const JobSpec& job, const ClusterSummary& summary) : job_(job), summary_(summary) {}
  RelaxedShape shape() &&;

 private:
  void add_area(const Area& area);
  void add(const Area& area, double speed);
  std::uint32_t option_of(RelaxedOption option);

  const JobSpec& job_;
  const ClusterSummary& summary_;
  RelaxedShape shape_;
};

std::uint32_t ShapeBuilder::option_of(RelaxedOption option) {
  for (std::size_t o = 0; o < shape_.options.size(); ++o)
    if (shape_.options[o].worker_classes == option.worker_classes &&
        shape_.options[o].server_classes == option.server_classes)
      return static_cast<std::uint32_t>(o);
  shape_.options.push_back(std::move(option));
  return static_cast<std::uint32_t>(shape_.options.size() - 1);
}

/// The sizes that fit an area whose slowest machine with a worker has at least this speed.
void ShapeBuilder::add(const Area& area, double speed) {
  const Cluster& cluster = *summary_.cluster;
  const Packing packing(cluster, area, job_, speed);
  const std::int64_t most =
      std::min<std::int64_t>(packing.most_workers(), max_workers(job_.throughput));
  std::vector<Config> configs = sizes_of(job_, most, area.locality, speed);
  std::erase_if(configs, [&](const Config& config) {
    if (config.rate <= 0 || !packing.may_fit({config.workers, config.servers})) return true;
    // Where being close does not help, the widest area has the same and more.
    return area.locality != summary_.widest &&
           config.rate <= samples_per_second_bound(job_.throughput,
                                                   {config.workers, config.servers},
                                                   summary_.widest, speed);
  });
  if (configs.empty()) return;
  if (!std::holds_alternative<TableThroughput>(job_.throughput))
    configs = without_mixtures(configs);
  const std::uint32_t option =
      option_of({.worker_classes = classes_in(cluster, area.machines, speed),
                 .server_classes = classes_in(cluster, area.machines, 0)});
  for (const Config& config : configs) shape_.points.push_back({option, config});
}

void ShapeBuilder::add_area(const Area& area) {
  for (const double speed : speeds_in(*summary_.cluster, area.machines)) add(area, speed);
}

RelaxedShape ShapeBuilder::shape() && {
  for (std::size_t c = 0; c < summary_.machines.size(); ++c) {
    if (summary_.machines[c] == 0) continue;
    Area one{Locality::machine, ClassCounts(summary_.machines.size(), 0)};
    one.machines[c] = 1;
    add_area(one);
  }
  if (summary_.widest == Locality::cluster)
    for (const ClassCounts& rack : summary_.racks) add_area({Locality::rack, rack});
  if (summary_.widest != Locality::machine) add_area({summary_.widest, summary_.machines});
  drop_dominated(shape_.points);
  std::ranges::stable_sort(shape_.points, {},
                           [](const RelaxedPoint& point) { return point.tasks.rate; });
  if (!shape_.points.empty()) shape_.fastest = shape_.points.back().tasks.rate;
  return std::move(shape_);
}

}  // namespace

ClusterSummary summary_of(const Cluster& cluster) {
  ClusterSummary summary{.cluster = &cluster, .machines = ClassCounts(cluster.classes.size(), 0)};
  std::vector<ClassCounts> racks(cluster.rack_count, ClassCounts(cluster.classes.size(), 0));
  for (const Machine& machine : cluster.machines) {
    ++summary.machines[machine.class_index];
    if (machine.rack >= racks.size())
      racks.resize(machine.rack + std::size_t{1}, ClassCounts(cluster.classes.size(), 0));
    ++racks[machine.rack][machine.class_index];
  }
  std::erase(racks, ClassCounts(cluster.classes.size(), 0));
  if (racks.size() > 1)
    summary.widest = Locality::cluster;
  else if (cluster.machines.size() > 1)
    summary.widest = Locality::rack;
  std::ranges::sort(racks);
  racks.erase(std::ranges::unique(racks).begin(), racks.end());
  summary.racks = std::move(racks);
  return summary;
}

RelaxedShape relaxed_shape(const JobSpec& job, const ClusterSummary& summary) {
  return ShapeBuilder(job, summary).shape();
}

}  // namespace bourse
