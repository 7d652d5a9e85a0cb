#include "bourse/trace/describe.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "bourse/base/units.h"

namespace bourse {
namespace {

double gpus_of(const Workload& workload, const JobSpec& job) {
  const auto gpu = workload.types.find("gpu");
  if (!gpu) return 0;
  const double amount = static_cast<double>(job.worker[*gpu]) * job.requested_workers;
  return amount / static_cast<double>(kAmountsPerUnit);
}

std::string row(std::string_view what, const Spread& d, bool is_time) {
  std::string out = fmt::format("{:<22}", what);
  for (const double value : {d.min, d.p50, d.mean, d.p90, d.p99, d.max})
    out += fmt::format("{:>12}", is_time ? human(Seconds(value)) : fmt::format("{:.4g}", value));
  return out + "\n";
}

/// Two blanks and a bar for a share; nothing if it is too small to show.
std::string bar(double share) {
  const auto length = static_cast<std::size_t>(std::lround(30 * share));
  return length == 0 ? "" : "  " + std::string(length, '#');
}

}  // namespace

Spread spread_of(std::vector<double>& values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](double share) {
    const auto rank = std::ceil(share * static_cast<double>(values.size()) - 1e-9);
    return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  double sum = 0;
  for (const double value : values) sum += value;
  return {.min = values.front(),
          .p50 = at(0.5),
          .mean = sum / static_cast<double>(values.size()),
          .p90 = at(0.9),
          .p99 = at(0.99),
          .max = values.back()};
}

Description describe(const Workload& workload) {
  Description out;
  out.jobs = workload.jobs.size();
  if (workload.jobs.empty()) return out;
  out.first_arrival = workload.jobs.front().arrival;
  out.last_arrival = workload.jobs.back().arrival;
  std::vector<double> gaps;
  std::vector<double> durations;
  std::vector<double> gpus;
  std::map<double, SizeShare> sizes;
  Seconds last = out.first_arrival;
  for (const JobSpec& job : workload.jobs) {
    if (&job != &workload.jobs.front()) gaps.push_back((job.arrival - last).value);
    last = job.arrival;
    ++out.jobs_by_hour[static_cast<std::size_t>(std::fmod(job.arrival.value / 3600, 24))];
    gpus.push_back(gpus_of(workload, job));
    SizeShare& size = sizes[gpus.back()];
    size.gpus = gpus.back();
    ++size.jobs;
    const Seconds duration = requested_duration(job);
    if (!(duration < kForever)) {
      ++out.without_progress;
      continue;
    }
    durations.push_back(duration.value);
    size.gpu_hours += gpus.back() * duration.value / 3600;
  }
  for (const auto& [count, size] : sizes) {
    out.sizes.push_back(size);
    out.gpu_hours += size.gpu_hours;
  }
  out.gap = spread_of(gaps);
  out.duration = spread_of(durations);
  out.gpus = spread_of(gpus);
  return out;
}

std::string description_text(const Description& d) {
  std::string out = fmt::format("{} jobs, {:.1f} GPU-hours, arrivals over {}\n\n", d.jobs,
                                d.gpu_hours, human(d.last_arrival - d.first_arrival));
  out += fmt::format("{:<22}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "", "min", "p50", "mean",
                     "p90", "p99", "max");
  out += row("between arrivals", d.gap, true);
  out += row("duration", d.duration, true);
  out += row("GPUs of a job", d.gpus, false);
  if (d.without_progress > 0)
    out +=
        fmt::format("{} jobs make no progress with the tasks they request\n", d.without_progress);
  out += fmt::format("\n{:>8}{:>10}{:>10}{:>14}\n", "GPUs", "jobs", "% jobs", "% GPU-hours");
  // The larger of very many sizes share one row.
  constexpr std::size_t kMostRows = 20;
  SizeShare rest;
  for (std::size_t i = 0; i < d.sizes.size(); ++i) {
    const SizeShare& size = d.sizes[i];
    if (i >= kMostRows) {
      rest.jobs += size.jobs;
      rest.gpu_hours += size.gpu_hours;
      if (i + 1 < d.sizes.size()) continue;
    }
    const SizeShare& shown = i >= kMostRows ? rest : size;
    const double of_jobs = static_cast<double>(shown.jobs) / static_cast<double>(d.jobs);
    const double of_hours = d.gpu_hours > 0 ? shown.gpu_hours / d.gpu_hours : 0;
    out += fmt::format("{:>8}{:>10}{:>10.1f}{:>14.1f}{}\n",
                       i >= kMostRows ? "more" : fmt::format("{:.4g}", shown.gpus), shown.jobs,
                       100 * of_jobs, 100 * of_hours, bar(of_hours));
  }
  out += fmt::format("\n{:>8}{:>10}\n", "hour", "jobs");
  const std::uint64_t most = std::max<std::uint64_t>(std::ranges::max(d.jobs_by_hour), 1);
  for (std::size_t hour = 0; hour < 24; ++hour)
    out += fmt::format("{:>8}{:>10}{}\n", hour, d.jobs_by_hour[hour],
                       bar(static_cast<double>(d.jobs_by_hour[hour]) / static_cast<double>(most)));
  return out;
}

}  // namespace bourse
