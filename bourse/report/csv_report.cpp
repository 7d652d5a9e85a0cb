#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/report/csv.h"
#include "bourse/report/run_report.h"

namespace bourse {
namespace {

/// A CSV reader that knows comments skips this line; the seed of a row is a column.
std::string comment_line(const ReportHeader& header, std::span<const RunReport> runs) {
  std::string seeds;
  if (!runs.empty()) {
    seeds = fmt::format("; seed {}", runs.front().seed);
    if (runs.back().seed != runs.front().seed) seeds += fmt::format(" to {}", runs.back().seed);
  }
  return fmt::format("# bourse {}; {}{}\n", header.version, quotable(header.command, 4000), seeds);
}

/// Empty for what never happened.
std::string number_or_nothing(double value) {
  return std::isfinite(value) ? number_text(value) : std::string();
}

void append(std::vector<std::string>& fields, const Distribution& d) {
  for (const double value : {d.mean, d.p50, d.p95, d.p99, d.max})
    fields.push_back(d.count == 0 ? "" : number_text(value));
}

}  // namespace

void OptionalColumns::add(const RunReport& run) {
  bound = bound || run.bound.has_value();
  accuracy = accuracy || run.metrics.time_to_accuracy.count > 0;
}

std::vector<std::string> run_csv_titles(OptionalColumns columns) {
  std::vector<std::string> titles{"policy", "seed", "jobs", "finished", "declined", "unfinished"};
  std::vector<std::string_view> distributions{"jct_s", "queue_s", "fairness"};
  if (columns.accuracy)
    distributions.insert(distributions.begin() + 2, {"time_to_accuracy_s", "samples_to_accuracy"});
  for (const std::string_view name : distributions)
    for (const std::string_view part : {"mean", "p50", "p95", "p99", "max"})
      titles.push_back(fmt::format("{}_{}", name, part));
  for (const char* title :
       {"makespan_s", "utility", "gpu_hours", "gpu_utilization", "restarts", "decisions"})
    titles.emplace_back(title);
  if (columns.bound) titles.insert(titles.end(), {"bound", "share_of_bound"});
  return titles;
}

std::vector<std::string> run_csv_fields(const RunReport& run, OptionalColumns columns) {
  const Metrics& m = run.metrics;
  std::vector<std::string> fields{run.policy,
                                  std::to_string(run.seed),
                                  std::to_string(m.jobs),
                                  std::to_string(m.finished),
                                  std::to_string(m.declined),
                                  std::to_string(m.unfinished)};
  append(fields, m.completion);
  append(fields, m.queueing);
  if (columns.accuracy) {
    append(fields, m.time_to_accuracy);
    append(fields, m.samples_to_accuracy);
  }
  append(fields, m.fairness);
  for (const double value : {m.makespan, m.utility, m.resource_hours, m.utilization})
    fields.push_back(number_text(value));
  fields.push_back(std::to_string(m.restarts));
  fields.push_back(std::to_string(m.decisions));
  if (columns.bound)
    for (const auto& value : {run.bound, run.share_of_bound()})
      fields.push_back(value ? number_text(*value) : "");
  return fields;
}

std::string runs_csv(const ReportHeader& header, std::span<const RunReport> runs) {
  std::string out = comment_line(header, runs);
  OptionalColumns columns;
  for (const RunReport& run : runs) columns.add(run);
  out += csv_line(run_csv_titles(columns));
  for (const RunReport& run : runs) out += csv_line(run_csv_fields(run, columns));
  return out;
}

std::string jobs_csv(const ReportHeader& header, std::span<const RunReport> runs,
                     std::span<const RunDetail> details, std::span<const JobSpec> jobs) {
  BOURSE_CHECK(runs.size() == details.size());
  std::string out = comment_line(header, runs);
  out +=
      "policy,seed,job,name,group,arrival_s,first_start_s,finish_s,status,executed_s,gpu_hours,"
      "restarts,utility,reason\n";
  for (std::size_t r = 0; r < runs.size(); ++r) {
    BOURSE_CHECK(details[r].jobs.size() == jobs.size());
    const std::string run = fmt::format("{},{}", csv_field(runs[r].policy), runs[r].seed);
    for (std::size_t j = 0; j < jobs.size(); ++j) {
      const JobOutcome& outcome = details[r].jobs[j];
      const JobRecord& record = outcome.record;
      out += fmt::format(
          "{},{},{},{},{},{},{},{},{},{},{},{},{}\n", run, j, csv_field(jobs[j].name),
          csv_field(jobs[j].group), number_text(outcome.arrival.value),
          number_or_nothing(record.first_start.value), number_or_nothing(record.finish.value),
          name_of(record.status), number_text(record.executed.value),
          number_text(record.resource_seconds / 3600), record.restarts, number_text(record.utility),
          csv_field(outcome.reason));
    }
  }
  return out;
}

std::string usage_csv(const ReportHeader& header, std::span<const RunReport> runs,
                      std::span<const RunDetail> details) {
  BOURSE_CHECK(runs.size() == details.size());
  const std::size_t primary = primary_resource(*header.cluster);
  const double capacity = static_cast<double>(header.cluster->total()[primary]) / kAmountsPerUnit;
  std::string out = comment_line(header, runs);
  out += fmt::format("policy,seed,time_s,{}_used,share_used,waiting_jobs,running_jobs\n",
                     csv_field(header.cluster->types[primary].name));
  for (std::size_t r = 0; r < runs.size(); ++r) {
    const std::string run = fmt::format("{},{}", csv_field(runs[r].policy), runs[r].seed);
    for (const UsagePoint& point : details[r].usage)
      out += fmt::format("{},{},{},{},{},{}\n", run, number_text(point.time.value),
                         number_text(point.used),
                         number_text(capacity > 0 ? point.used / capacity : 0), point.waiting_jobs,
                         point.running_jobs);
  }
  return out;
}

}  // namespace bourse
