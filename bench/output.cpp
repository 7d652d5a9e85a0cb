#include "bench/output.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "bourse/base/units.h"
#include "bourse/report/csv.h"
#include "bourse/report/table.h"

namespace bourse {
namespace {

/// Figures in this unit are shown with one column a metric.
constexpr std::string_view kUtility = "utility";

/// Four significant digits, whole numbers from 1000 on.
std::string short_text(double value) {
  if (std::abs(value) >= 1000 || value == std::round(value)) return fmt::format("{:.0f}", value);
  return fmt::format("{:.4g}", value);
}

std::string machine_text(const BenchReport& report) {
  return fmt::format("{}, {} cores, load {:.1f} before and {:.1f} after", report.machine.cpu,
                     report.machine.cores, report.machine.load_before, report.machine.load_after);
}

std::string build_text() {
  return fmt::format("bourse {} ({}, {})", BOURSE_VERSION, BOURSE_BUILD, __VERSION__);
}

std::string target_text(const Figure& figure) {
  if (!figure.target) return "";
  return fmt::format("{} {} {}", figure.better == Better::higher ? ">=" : "<",
                     short_text(*figure.target), is_met(figure) ? "met" : "MISSED");
}

std::string section_table(const std::vector<const Figure*>& figures) {
  Table table({{"case", Align::left},
               {"figure", Align::left},
               {"median"},
               {"best"},
               {"runs"},
               {"unit", Align::left},
               {"target", Align::left}});
  std::string_view last;
  for (const Figure* const figure : figures) {
    table.add_row({figure->name == last ? "" : figure->name, figure->metric,
                   short_text(median_of(figure->values)), short_text(best_of(*figure)),
                   fmt::format("{}", figure->values.size()), figure->unit, target_text(*figure)});
    last = figure->name;
  }
  return table.text();
}

/// One row a case, one column a metric.
std::string pivot_table(const std::vector<const Figure*>& figures) {
  std::vector<std::string> rows;
  std::vector<Column> columns{{"total utility", Align::left}};
  for (const Figure* const figure : figures) {
    if (rows.empty() || rows.back() != figure->name) rows.push_back(figure->name);
    if (rows.size() == 1) columns.push_back({figure->metric});
  }
  Table table(columns);
  for (const std::string& row : rows) {
    std::vector<std::string> cells{row};
    for (const Figure* const figure : figures)
      if (figure->name == row) cells.push_back(fmt::format("{:.2f}", figure->values[0]));
    table.add_row(std::move(cells));
  }
  return table.text();
}

}  // namespace

std::string report_json(const BenchReport& report) {
  using Json = nlohmann::ordered_json;
  Json figures = Json::array();
  for (const Figure& figure : report.figures) {
    Json row{{"section", figure.section},    {"case", figure.name},
             {"figure", figure.metric},      {"unit", figure.unit},
             {"runs", figure.values.size()}, {"median", median_of(figure.values)},
             {"best", best_of(figure)}};
    if (figure.target) {
      row["target"] = *figure.target;
      row["met"] = is_met(figure);
    }
    figures.push_back(std::move(row));
  }
  const Json json{{"version", BOURSE_VERSION},
                  {"build", BOURSE_BUILD},
                  {"compiler", __VERSION__},
                  {"date", report.date},
                  {"quick", report.quick},
                  {"machine",
                   {{"cpu", report.machine.cpu},
                    {"cores", report.machine.cores},
                    {"load_before", report.machine.load_before},
                    {"load_after", report.machine.load_after}}},
                  {"input", report.input},
                  {"notes", report.notes},
                  {"figures", std::move(figures)}};
  return json.dump(2) + "\n";
}

std::string report_csv(const BenchReport& report) {
  std::string text = fmt::format("# {}, {}{}\n# {}\n# {}\n", build_text(), report.date,
                                 report.quick ? ", quick" : "", machine_text(report), report.input);
  for (const std::string& note : report.notes) text += fmt::format("# {}\n", note);
  text += csv_line({"section", "case", "figure", "unit", "runs", "median", "best", "target"});
  for (const Figure& figure : report.figures)
    text +=
        csv_line({figure.section, figure.name, figure.metric, figure.unit,
                  fmt::format("{}", figure.values.size()), number_text(median_of(figure.values)),
                  number_text(best_of(figure)), figure.target ? number_text(*figure.target) : ""});
  return text;
}

std::string report_table(const BenchReport& report) {
  std::string text = fmt::format("{}, {}{}\n{}\n", build_text(), report.date,
                                 report.quick ? ", quick" : "", machine_text(report));
  text += wrapped(report.input, 0);
  for (const std::string& note : report.notes) text += wrapped(note, 0);
  for (std::size_t i = 0; i < report.figures.size();) {
    const std::string& section = report.figures[i].section;
    std::vector<const Figure*> utilities, others;
    for (; i < report.figures.size() && report.figures[i].section == section; ++i)
      (report.figures[i].unit == kUtility ? utilities : others).push_back(&report.figures[i]);
    text += fmt::format("\n{}\n", section);
    if (!utilities.empty()) text += pivot_table(utilities);
    if (!utilities.empty() && !others.empty()) text += '\n';
    if (!others.empty()) text += section_table(others);
  }
  return text;
}

}  // namespace bourse
