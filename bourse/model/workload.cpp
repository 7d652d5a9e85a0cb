#include "bourse/model/workload.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

/// Forgives the rounding error of the arithmetic before a floor or ceil.
double slack(double slots) { return 1e-9 * std::max(1.0, std::abs(slots)); }

/// Machines of one class that could hold at least one task of the job.
struct Stock {
  const MachineClass* machine_class;
  std::int64_t count;
};

/// Tasks not yet placed.
struct Left {
  std::int64_t workers;
  std::int64_t servers;
  [[nodiscard]] bool none() const { return workers <= 0 && servers <= 0; }
};

std::vector<Stock> stocks_of(const Cluster& cluster) {
  std::vector<Stock> stocks;
  for (const MachineClass& each : cluster.classes) stocks.push_back({&each, 0});
  for (const Machine& machine : cluster.machines) ++stocks[machine.class_index].count;
  std::erase_if(stocks, [](const Stock& stock) { return stock.count == 0; });
  return stocks;
}

/// Fills machine after machine with one role, then with what is left of the other. Nearly always
/// enough: only jobs that need almost the whole cluster come out of both orders with tasks left.
bool places_greedily(const std::vector<Stock>& stocks, const JobSpec& job, Left left,
                     bool workers_first) {
  ResourceVector free;
  for (const Stock& stock : stocks) {
    for (std::int64_t machine = 0; machine < stock.count; ++machine) {
      free = stock.machine_class->capacity;
      const Left before = left;
      const auto fill = [&](const ResourceVector& demand, std::int64_t& wanted) {
        const std::int64_t fitting = count_that_fits(demand, free, wanted);
        take(free, demand, fitting);
        wanted -= fitting;
      };
      if (workers_first) fill(job.worker, left.workers);
      fill(job.server, left.servers);
      if (!workers_first) fill(job.worker, left.workers);
      if (left.none()) return true;
      if (left.workers == before.workers && left.servers == before.servers) break;
    }
  }
  return false;
}

/// Adds one machine to `most_servers[w]`, the most servers placed beside w workers (w capped at
/// all). Cost: workers x workers that fit the machine.
void add_machine(std::vector<std::int64_t>& most_servers,
                 const std::vector<std::int64_t>& servers_beside) {
  for (std::size_t total = most_servers.size(); total-- > 0;) {
    std::int64_t best = most_servers[total];
    const bool capped = total + 1 == most_servers.size();
    for (std::size_t here = 0; here < servers_beside.size(); ++here) {
      if (here > total) break;
      best = std::max(best, most_servers[total - here] < 0
                                ? -1
                                : most_servers[total - here] + servers_beside[here]);
      if (!capped) continue;
      for (std::size_t more = 1; more < here && total - here + more < total; ++more)
        if (const std::int64_t servers = most_servers[total - here + more]; servers >= 0)
          best = std::max(best, servers + servers_beside[here]);
    }
    most_servers[total] = best;
  }
}

/// Exact: for every number of workers the most servers beside them, machine by machine.
/// Nothing if that would take more than about 2 million steps.
std::optional<bool> places_exactly(const std::vector<Stock>& stocks, const JobSpec& job,
                                   TaskCounts tasks) {
  std::vector<std::int64_t> most_servers(static_cast<std::size_t>(tasks.workers) + 1, -1);
  most_servers[0] = 0;
  double steps = 0;
  for (const Stock& stock : stocks) {
    std::vector<std::int64_t> servers_beside;  // by the number of workers on the machine
    const std::int64_t most =
        count_that_fits(job.worker, stock.machine_class->capacity, tasks.workers);
    const std::int64_t machines =
        std::min<std::int64_t>(stock.count, std::int64_t{tasks.workers} + tasks.servers);
    steps += static_cast<double>(machines) * static_cast<double>(tasks.workers + most) *
             static_cast<double>(most + 1);
    if (steps > 2e6) return std::nullopt;
    for (std::int64_t workers = 0; workers <= most; ++workers) {
      ResourceVector free = stock.machine_class->capacity;
      take(free, job.worker, workers);
      servers_beside.push_back(count_that_fits(job.server, free, tasks.servers));
    }
    for (std::int64_t machine = 0; machine < machines; ++machine) {
      add_machine(most_servers, servers_beside);
      if (most_servers.back() >= tasks.servers) return true;
    }
  }
  return false;
}

std::string at_line(std::string_view file, const JobSpec& job) {
  return job.line == 0 ? std::string(file) : fmt::format("{}:{}", file, job.line);
}

/// The demand in the cluster's types.
Result<ResourceVector> remap(const ResourceVector& demand, const ResourceTypes& from,
                             const ResourceTypes& to) {
  ResourceVector mapped(to.size(), 0);
  for (std::size_t r = 0; r < demand.size(); ++r) {
    if (demand[r] == 0) continue;
    const auto index = to.find(from[r].name);
    if (!index)
      return invalid(
          fmt::format("needs {} {} and the cluster's machines have none; add it to their "
                      "resources",
                      amount_text(demand[r], from[r].kind), from[r].name));
    if (to[*index].kind != from[r].kind)
      return invalid(
          fmt::format("gives {} as {} and the cluster as {}; use a unit of size in both "
                      "or in neither",
                      from[r].name, from[r].kind == ResourceKind::count ? "a count" : "a size",
                      to[*index].kind == ResourceKind::count ? "a count" : "a size"));
    mapped[*index] = demand[r];
  }
  return mapped;
}

/// Errors: one task of this role is larger than the largest machine.
Result<void> check_one_task(const Cluster& cluster, const ResourceVector& demand,
                            std::string_view role) {
  const bool fits_some = std::ranges::any_of(
      cluster.classes, [&](const MachineClass& each) { return fits(demand, each.capacity); });
  if (fits_some) return {};
  for (std::size_t r = 0; r < demand.size(); ++r) {
    Amount largest = 0;
    for (const MachineClass& each : cluster.classes) largest = std::max(largest, each.capacity[r]);
    if (demand[r] > largest)
      return invalid(fmt::format("needs {} {} for one {} and the largest machine has {}",
                                 amount_text(demand[r], cluster.types[r].kind),
                                 cluster.types[r].name, role,
                                 amount_text(largest, cluster.types[r].kind)));
  }
  return invalid(fmt::format(
      "needs more for one {} than any single machine has of all resources together", role));
}

std::string tasks_text(TaskCounts tasks) {
  const auto plural = [](int count, std::string_view noun) {
    return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
  };
  if (tasks.servers == 0) return plural(tasks.workers, "worker");
  return plural(tasks.workers, "worker") + " and " + plural(tasks.servers, "server");
}

/// True if one machine holds all the tasks, or tasks on several make progress.
bool trains_where_it_fits(const Cluster& cluster, const JobSpec& job, TaskCounts tasks) {
  for (const MachineClass& machines : cluster.classes) {
    ResourceVector room = machines.capacity;
    if (count_that_fits(job.worker, room, tasks.workers) < tasks.workers) continue;
    take(room, job.worker, tasks.workers);
    if (count_that_fits(job.server, room, tasks.servers) == tasks.servers) return true;
  }
  return samples_per_second(job.throughput, tasks, Locality::rack) > 0;
}

/// Errors: the tasks do not fit; says of which resource there is too little, if it is one alone.
Result<void> check_tasks(const Cluster& cluster, const ResourceVector& total, const JobSpec& job,
                         TaskCounts tasks, std::string_view which) {
  if (fits_empty(cluster, job, tasks)) {
    if (trains_where_it_fits(cluster, job, tasks)) return {};
    return invalid(fmt::format(
        "has no speed for its {} {} on several machines, and no machine holds them alone", which,
        tasks_text(tasks)));
  }
  for (std::size_t r = 0; r < total.size(); ++r) {
    const double needed = static_cast<double>(job.worker[r]) * tasks.workers +
                          static_cast<double>(job.server[r]) * tasks.servers;
    if (needed > static_cast<double>(total[r]))
      return invalid(fmt::format(
          "needs {} {} for its {} {} and the whole cluster has {}",
          amount_text(static_cast<Amount>(std::min(needed, 9e18)), cluster.types[r].kind),
          cluster.types[r].name, which, tasks_text(tasks),
          amount_text(total[r], cluster.types[r].kind)));
  }
  return invalid(
      fmt::format("cannot place its {} {} on the empty cluster, where they do not fit the "
                  "machines",
                  which, tasks_text(tasks)));
}

/// Puts one job into the cluster's types and checks that it can run there.
Result<void> bind_to_total(JobSpec& job, const ResourceTypes& types, const Cluster& cluster,
                           const ResourceVector& total) {
  BOURSE_TRY(job.worker, remap(job.worker, types, cluster.types));
  BOURSE_TRY(job.server, remap(job.server, types, cluster.types));
  const int fewest = min_workers(job.throughput);
  const TaskCounts smallest{fewest, servers_for(job.throughput, fewest)};
  const TaskCounts requested{job.requested_workers, job.requested_servers};
  BOURSE_TRY_VOID(check_one_task(cluster, job.worker, "worker"));
  if (smallest.servers > 0 || requested.servers > 0)
    BOURSE_TRY_VOID(check_one_task(cluster, job.server, "server"));
  if (smallest != requested)
    BOURSE_TRY_VOID(check_tasks(cluster, total, job, smallest, "smallest size of"));
  return check_tasks(cluster, total, job, requested,
                     is_rigid(job.throughput) ? "gang of" : "requested");
}

}  // namespace

Seconds utility_delay(Seconds arrival, Seconds finish, Seconds slot) {
  if (slot.value <= 0) return finish - arrival;
  const double from = arrival / slot;
  const double to = finish / slot;
  const double first = std::floor(from + slack(from));
  const double last = std::ceil(to - slack(to)) - 1;
  return std::max(0.0, last - first) * slot;
}

bool fits_empty(const Cluster& cluster, const JobSpec& job, TaskCounts tasks) {
  const std::vector<Stock> stocks = stocks_of(cluster);
  const Left left{tasks.workers, tasks.servers};
  if (left.none() || places_greedily(stocks, job, left, true)) return true;
  // With one role alone, filling every machine is the best there is.
  if (tasks.workers == 0 || tasks.servers == 0) return false;
  if (places_greedily(stocks, job, left, false)) return true;
  return places_exactly(stocks, job, tasks).value_or(false);
}

Result<void> bind(JobSpec& job, const ResourceTypes& types, const Cluster& cluster) {
  return bind_to_total(job, types, cluster, cluster.total());
}

Result<Bound> bind(Workload workload, Cluster cluster, std::string_view file,
                   const BindOptions& options) {
  Bound bound;
  const ResourceVector total = cluster.total();
  bound.instance.jobs.reserve(workload.jobs.size());
  for (JobSpec& job : workload.jobs) {
    if (const auto ok = bind_to_total(job, workload.types, cluster, total); !ok) {
      std::string sentence = fmt::format("{}: job '{}' {}", at_line(file, job), quotable(job.name),
                                         ok.error().message);
      if (!options.skip_unfit) return invalid(std::move(sentence));
      bound.left_out.push_back(std::move(sentence));
      continue;
    }
    bound.instance.jobs.push_back(std::move(job));
  }
  bound.instance.cluster = std::move(cluster);
  bound.instance.horizon = workload.horizon;
  bound.instance.slot = workload.slot;
  return bound;
}

}  // namespace bourse
