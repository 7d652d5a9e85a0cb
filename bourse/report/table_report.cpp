#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/report/run_report.h"
#include "bourse/report/statistics.h"
#include "bourse/report/table.h"

namespace bourse {
namespace {

/// Rounds to a fixed number of decimals, fewer for large numbers.
std::string short_number(double value) {
  const double size = std::abs(value);
  if (size == std::floor(size) && size < 1e9) return fmt::format("{:.0f}", value);
  if (size >= 1e7) return fmt::format("{:.4g}", value);
  return size >= 1000 ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
}

/// Tenths of a second are enough here.
std::string duration_text(double seconds) {
  return seconds < 0.05 ? "0.0s" : human(Seconds(std::max(seconds, 0.1)));
}

/// A large count to three digits.
std::string size_text(double value) {
  if (value < 1e3) return fmt::format("{:.0f}", value);
  const char* unit = value < 1e6 ? "k" : value < 1e9 ? "M" : "G";
  return fmt::format("{:.3g} {}", value / (value < 1e6 ? 1e3 : value < 1e9 ? 1e6 : 1e9), unit);
}

std::string percent_text(double share) { return fmt::format("{:.1f} %", share * 100); }

/// One figure of the table: where it is found and how it is written.
struct Figure {
  const char* title;
  double (*value_of)(const Metrics&);
  std::string (*text_of)(double);
  bool of_finished = false;  ///< Says nothing if no job finished.
  bool of_accuracy = false;  ///< Only where jobs train to an accuracy.
};

constexpr double count(std::uint64_t value) { return static_cast<double>(value); }

const Figure kFigures[] = {
    {"done", [](const Metrics& m) { return count(m.finished); }, short_number},
    {"declined", [](const Metrics& m) { return count(m.declined); }, short_number},
    {"undone", [](const Metrics& m) { return count(m.unfinished); }, short_number},
    {"mean JCT", [](const Metrics& m) { return m.completion.mean; }, duration_text, true},
    {"p99 JCT", [](const Metrics& m) { return m.completion.p99; }, duration_text, true},
    {"wait", [](const Metrics& m) { return m.queueing.mean; }, duration_text, true},
    {"to accuracy", [](const Metrics& m) { return m.time_to_accuracy.mean; }, duration_text, true,
     true},
    {"samples", [](const Metrics& m) { return m.samples_to_accuracy.mean; }, size_text, true, true},
    {"makespan", [](const Metrics& m) { return m.makespan; }, duration_text, true},
    {"GPUs", [](const Metrics& m) { return m.utilization; }, percent_text},
    {"restarts", [](const Metrics& m) { return count(m.restarts); }, short_number},
    {"utility", [](const Metrics& m) { return m.utility; }, short_number},
};

/// The figure over all seeds of one policy.
std::string cell(const Figure& figure, std::span<const RunReport* const> runs) {
  std::vector<double> values;
  const auto is_said = [&](const Metrics& m) {
    return figure.of_accuracy ? m.time_to_accuracy.count > 0
                              : !figure.of_finished || m.finished > 0;
  };
  for (const RunReport* run : runs)
    if (is_said(run->metrics)) values.push_back(figure.value_of(run->metrics));
  if (values.empty()) return "-";
  const Interval interval = interval_of(values);
  if (runs.size() == 1) return figure.text_of(interval.mean);
  return figure.text_of(interval.mean) + " ±" + figure.text_of(interval.half_width);
}

/// The figures about the bound over all seeds of one policy: the bound, and the share of it.
std::vector<std::string> bound_cells(std::span<const RunReport* const> runs) {
  std::vector<double> bounds;
  std::vector<double> shares;
  for (const RunReport* run : runs) {
    if (!run->bound) continue;
    bounds.push_back(*run->bound);
    shares.push_back(*run->share_of_bound());
  }
  if (bounds.empty()) return {"-", "-"};
  const Interval bound = interval_of(bounds);
  const Interval share = interval_of(shares);
  if (runs.size() == 1) return {short_number(bound.mean), percent_text(share.mean)};
  return {short_number(bound.mean) + " ±" + short_number(bound.half_width),
          percent_text(share.mean) + " ±" + percent_text(share.half_width)};
}

std::string number_with_unit(std::uint64_t number, std::string_view unit) {
  return fmt::format("{} {}{}", number, unit, number == 1 ? "" : "s");
}

std::string about(const ReportHeader& header) {
  const Cluster& cluster = *header.cluster;
  const ResourceVector total = cluster.total();
  std::string what = number_with_unit(cluster.machines.size(), "machine");
  for (std::size_t i = 0; i < cluster.types.size(); ++i)
    what +=
        fmt::format(", {} {}", amount_text(total[i], cluster.types[i].kind), cluster.types[i].name);
  std::uint64_t left_out = 0;
  for (const SkippedJobs& rows : header.skipped) left_out += rows.count;
  std::string out = "cluster   " + wrapped(what, 10).substr(10);
  out += fmt::format("workload  {} ({}), {}", quotable(header.file), header.format,
                     number_with_unit(header.jobs, "job"));
  if (left_out > 0) out += fmt::format(", {} left out", left_out);
  return out + "\n\n";
}

}  // namespace

FigureRows figure_rows(std::span<const RunReport> runs) {
  std::vector<std::string> policies;
  for (const RunReport& run : runs)
    if (std::ranges::find(policies, run.policy) == policies.end()) policies.push_back(run.policy);
  FigureRows out;
  out.titles.emplace_back("policy");
  OptionalColumns columns;
  for (const RunReport& run : runs) columns.add(run);
  std::vector<const Figure*> figures;
  for (const Figure& figure : kFigures)
    if (!figure.of_accuracy || columns.accuracy) figures.push_back(&figure);
  for (const Figure* figure : figures) out.titles.emplace_back(figure->title);
  if (columns.bound) out.titles.insert(out.titles.end(), {"bound", "of bound"});
  for (const std::string& policy : policies) {
    std::vector<const RunReport*> of_policy;
    for (const RunReport& run : runs)
      if (run.policy == policy) of_policy.push_back(&run);
    out.seed_count = std::max(out.seed_count, of_policy.size());
    std::vector<std::string>& row = out.rows.emplace_back(1, policy);
    for (const Figure* figure : figures) row.push_back(cell(*figure, of_policy));
    if (columns.bound)
      for (std::string& text : bound_cells(of_policy)) row.push_back(std::move(text));
  }
  return out;
}

std::string runs_table(const ReportHeader& header, std::span<const RunReport> runs) {
  FigureRows figures = figure_rows(runs);
  std::vector<Column> columns{{figures.titles.front(), Align::left}};
  for (std::size_t i = 1; i < figures.titles.size(); ++i) columns.push_back({figures.titles[i]});
  Table table(columns);
  for (std::vector<std::string>& row : figures.rows) table.add_row(std::move(row));
  std::string out = about(header) + table.text();
  if (figures.seed_count > 1)
    out += fmt::format("\nmean of {} seeds ± half the width of its 95 % interval\n",
                       figures.seed_count);
  return out;
}

std::string cost_line(std::span<const RunReport> runs) {
  std::string out = "decisions p50 / p99 / max:";
  double cpu = 0;
  std::vector<std::string> policies;
  for (const RunReport& run : runs) {
    cpu += run.cost.cpu_s;
    if (std::ranges::find(policies, run.policy) != policies.end()) continue;
    policies.push_back(run.policy);
    MeasuredCost worst;
    for (const RunReport& other : runs) {
      if (other.policy != run.policy) continue;
      worst.decision_p50_ms = std::max(worst.decision_p50_ms, other.cost.decision_p50_ms);
      worst.decision_p99_ms = std::max(worst.decision_p99_ms, other.cost.decision_p99_ms);
      worst.decision_max_ms = std::max(worst.decision_max_ms, other.cost.decision_max_ms);
    }
    out +=
        fmt::format("{} {} {:.3g} / {:.3g} / {:.3g} ms", policies.size() > 1 ? "," : "", run.policy,
                    worst.decision_p50_ms, worst.decision_p99_ms, worst.decision_max_ms);
  }
  return out + fmt::format("; {:.3g} s of processor time in all", cpu);
}

}  // namespace bourse
