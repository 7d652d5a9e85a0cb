#include "bourse/trace/load.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

/// A double, since the sum over very many or very large jobs may be beyond an Amount.
double requested(const JobSpec& job, std::size_t resource) {
  const auto of = [&](const ResourceVector& demand, int tasks) {
    return resource < demand.size() ? static_cast<double>(demand[resource]) * tasks : 0;
  };
  return of(job.worker, job.requested_workers) + of(job.server, job.requested_servers);
}

struct Change {
  Seconds at;
  double amount;
};

/// Most at once; what ends at an instant makes room for what starts then.
Amount peak_of(std::vector<Change>& changes) {
  constexpr double kMost = 0x1p62;
  std::ranges::sort(changes, [](const Change& a, const Change& b) {
    return a.at != b.at ? a.at < b.at : a.amount < b.amount;
  });
  double now = 0;
  double peak = 0;
  for (const Change& change : changes) {
    now += change.amount;
    peak = std::max(peak, now);
  }
  return static_cast<Amount>(std::min(peak, kMost));
}

Seconds span_of(const Workload& workload) {
  if (workload.horizon < kForever) return workload.horizon;
  if (workload.jobs.empty()) return Seconds(0);
  const Seconds span = workload.jobs.back().arrival - workload.jobs.front().arrival;
  if (span > Seconds(0)) return span;
  Seconds longest{0};
  for (const JobSpec& job : workload.jobs)
    if (const Seconds duration = requested_duration(job); duration < kForever)
      longest = std::max(longest, duration);
  return longest;
}

ResourceLoad load_of(const Workload& workload, std::size_t resource, Amount capacity,
                     Seconds span) {
  const ResourceType& type = workload.types[resource];
  ResourceLoad load{.name = type.name, .kind = type.kind, .capacity = capacity};
  std::vector<Change> changes;
  double work = 0;  // summed in the order of the jobs
  for (const JobSpec& job : workload.jobs) {
    const double amount = requested(job, resource);
    const Seconds duration = requested_duration(job);
    if (amount == 0 || !(duration < kForever)) continue;
    work += amount * duration.value;
    changes.push_back({job.arrival, amount});
    changes.push_back({job.arrival + duration, -amount});
  }
  load.peak = peak_of(changes);
  if (work > 0)
    load.load = capacity > 0 ? work / (static_cast<double>(capacity) * span.value)
                             : std::numeric_limits<double>::infinity();
  return load;
}

}  // namespace

ClusterLoad load_on(const Workload& workload, const Cluster& cluster) {
  ClusterLoad out;
  out.span = span_of(workload);
  ResourceVector total(cluster.types.size(), 0);
  for (const Machine& machine : cluster.machines)
    for (std::size_t r = 0; r < total.size(); ++r)
      total[r] += cluster.classes[machine.class_index].capacity[r];
  for (std::size_t r = 0; r < workload.types.size(); ++r) {
    const auto at = cluster.types.find(workload.types[r].name);
    out.resources.push_back(load_of(workload, r, at ? total[*at] : 0, out.span));
  }
  for (const JobSpec& job : workload.jobs) {
    bool fits = true;
    for (std::size_t r = 0; r < out.resources.size(); ++r)
      fits = fits && requested(job, r) <= static_cast<double>(out.resources[r].capacity);
    if (!fits) ++out.too_large;
    if (!(requested_duration(job) < kForever)) ++out.without_progress;
  }
  return out;
}

std::string check_text(const TraceRead& read) {
  std::uint64_t skipped = 0;
  for (const SkippedRows& rows : read.skipped) skipped += rows.count;
  std::string out =
      fmt::format("format   {}\nrows     {}\njobs     {}\nskipped  {}\n", name_of(read.format),
                  read.rows_read, read.workload.jobs.size(), skipped);
  for (const SkippedRows& rows : read.skipped)
    out += fmt::format("  {:>8}  {} (first: {})\n", rows.count, quotable(rows.reason, 40),
                       quotable(rows.first_example, 40));
  if (read.out_of_order > 0)
    out += fmt::format("sorted   {} jobs stood below a job that came later\n", read.out_of_order);
  for (const std::string& sentence : read.assumptions)
    out += fmt::format("assumed  {}\n", quotable(sentence, 88));
  return out;
}

std::string load_text(const ClusterLoad& load) {
  std::string out = fmt::format("{:<16}{:>14}{:>14}{:>10}{:>10}   over {}\n", "resource",
                                "capacity", "peak", "peak %", "load %", human(load.span));
  for (const ResourceLoad& r : load.resources) {
    const double share =
        r.capacity > 0 ? 100 * static_cast<double>(r.peak) / static_cast<double>(r.capacity) : 0;
    out += fmt::format(
        "{:<16}{:>14}{:>14}{:>10}{:>10}\n", quotable(r.name, 12), amount_text(r.capacity, r.kind),
        amount_text(r.peak, r.kind), r.capacity > 0 ? fmt::format("{:.1f}", share) : "-",
        r.capacity > 0 ? fmt::format("{:.1f}", 100 * r.load) : (r.peak > 0 ? "lacking" : "-"));
  }
  if (load.too_large > 0)
    out += fmt::format("{} jobs request more than the whole cluster has\n", load.too_large);
  if (load.without_progress > 0)
    out += fmt::format("{} jobs make no progress with the tasks they request\n",
                       load.without_progress);
  return out;
}

}  // namespace bourse
