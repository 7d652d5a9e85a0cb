#include "bourse/report/comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/report/csv.h"
#include "bourse/report/table.h"

namespace bourse {
namespace {

/// Worst p99 decision time of a policy in a section, ms; empty text if it has no run.
std::string latency_text(const Section& section, const std::string& policy) {
  double worst = -1;
  for (const CellResult& cell : section.cells)
    if (cell.run.policy == policy) worst = std::max(worst, cell.run.cost.decision_p99_ms);
  return worst < 0 ? "-" : fmt::format("{:.3g}", worst);
}

bool has_scales(const Comparison& comparison) {
  return std::ranges::any_of(comparison.sections, [](const Section& s) { return s.scale > 1; });
}

/// Decision times against machines, for the first workload that was enlarged.
std::string latency_table(const Comparison& comparison) {
  const auto enlarged =
      std::ranges::find_if(comparison.sections, [](const Section& s) { return s.scale > 1; });
  std::vector<const Section*> sections;
  for (const Section& section : comparison.sections)
    if (section.name == enlarged->name && section.load == enlarged->load)
      sections.push_back(&section);
  std::vector<Column> columns{{"p99 decision, ms", Align::left}};
  for (const Section* section : sections)
    columns.push_back({fmt::format("{} machines", section->header.cluster->machines.size())});
  Table table(columns);
  for (const std::string& policy : comparison.policies) {
    std::vector<std::string> row{policy};
    for (const Section* section : sections) row.push_back(latency_text(*section, policy));
    table.add_row(std::move(row));
  }
  return table.text();
}

}  // namespace

std::vector<RunReport> runs_of(const Section& section) {
  std::vector<RunReport> runs;
  runs.reserve(section.cells.size());
  for (const CellResult& cell : section.cells) runs.push_back(cell.run);
  return runs;
}

std::string title_of(const Section& section) {
  std::string out = section.name;
  if (section.load != 1) out += fmt::format(", load {}", number_text(section.load));
  if (section.scale != 1) out += fmt::format(", {} times as large", section.scale);
  return out;
}

std::string comparison_table(const Comparison& comparison, bool with_cost) {
  std::string out;
  const bool many = comparison.sections.size() > 1;
  for (const Section& section : comparison.sections) {
    if (section.scale > 1) continue;
    if (many) out += fmt::format("== {}\n", title_of(section));
    out += runs_table(section.header, runs_of(section));
    const std::string finding = finding_of(section);
    if (!finding.empty()) out += wrapped(finding, 0);
    if (many) out += "\n";
  }
  if (with_cost && has_scales(comparison)) out += latency_table(comparison) + (many ? "\n" : "");
  if (many)
    if (const std::string finding = finding_of(comparison); !finding.empty())
      out += wrapped(finding, 0);
  return out;
}

std::string comparison_csv(const Comparison& comparison) {
  std::string out =
      fmt::format("# bourse {}; {}\n", comparison.version, quotable(comparison.command, 4000));
  std::vector<std::string> titles{"workload", "load", "scale"};
  OptionalColumns columns;
  for (const Section& section : comparison.sections)
    for (const CellResult& cell : section.cells) columns.add(cell.run);
  const std::vector<std::string> run_titles = run_csv_titles(columns);
  titles.insert(titles.end(), run_titles.begin(), run_titles.end());
  out += csv_line(titles);
  for (const Section& section : comparison.sections)
    for (const CellResult& cell : section.cells) {
      std::vector<std::string> fields{section.name, number_text(section.load),
                                      std::to_string(section.scale)};
      const std::vector<std::string> run_fields = run_csv_fields(cell.run, columns);
      fields.insert(fields.end(), run_fields.begin(), run_fields.end());
      out += csv_line(fields);
    }
  return out;
}

std::string comparison_json(const Comparison& comparison, bool with_cost) {
  using OrderedJson = nlohmann::ordered_json;
  OrderedJson json;
  json["version"] = comparison.version;
  json["command"] = comparison.command;
  json["finding"] = finding_of(comparison);
  json["sections"] = OrderedJson::array();
  for (const Section& section : comparison.sections) {
    const std::vector<RunReport> runs = runs_of(section);
    OrderedJson inner = OrderedJson::parse(runs_json(section.header, runs, with_cost));
    inner.erase("version");
    inner.erase("command");
    OrderedJson out{{"name", section.name},
                    {"load", section.load},
                    {"scale", section.scale},
                    {"finding", finding_of(section)}};
    out.update(inner);
    out["failed"] = OrderedJson::array();
    for (const FailedRun& run : section.failed)
      out["failed"].push_back(
          {{"policy", run.policy}, {"seed", run.seed}, {"message", run.message}});
    json["sections"].push_back(std::move(out));
  }
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

}  // namespace bourse
