#include <fmt/core.h>

#include "bourse/base/text.h"
#include "bourse/report/comparison.h"

namespace bourse {
namespace {

/// The text as HTML shows it.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// JSON that cannot end the script element it stands in.
std::string inside_script(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// Workloads, loads left aside.
std::vector<const Section*> workloads_of(const Comparison& comparison) {
  std::vector<const Section*> out;
  for (const Section& section : comparison.sections)
    if (out.empty() || out.back()->name != section.name) out.push_back(&section);
  return out;
}

std::string headline(const Comparison& comparison) {
  const std::vector<const Section*> workloads = workloads_of(comparison);
  const std::string policies = comparison.policies.size() == 1
                                   ? comparison.policies.front()
                                   : fmt::format("{} policies", comparison.policies.size());
  return fmt::format(
      "{} on {}", policies,
      workloads.size() == 1 ? workloads.front()->name : counted(workloads.size(), "workload"));
}

std::string about_section(const Section& section) {
  const Cluster& cluster = *section.header.cluster;
  const ResourceVector total = cluster.total();
  std::string out =
      counted(section.header.jobs, "job") + " on " + counted(cluster.machines.size(), "machine");
  for (std::size_t i = 0; i < cluster.types.size(); ++i)
    out +=
        fmt::format(", {} {}", amount_text(total[i], cluster.types[i].kind), cluster.types[i].name);
  return out;
}

/// A width of 0 is noise to read.
bool is_nothing(std::string_view width) {
  return width.find_first_of("123456789") == std::string_view::npos;
}

std::string table_html(const Section& section) {
  const std::vector<RunReport> runs = runs_of(section);
  const FigureRows figures = figure_rows(runs);
  std::string out = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {0}\">\n<table>\n"
      "<caption>{0}: {1}{2}</caption>\n<thead><tr>",
      escaped(title_of(section)), escaped(about_section(section)),
      figures.seed_count > 1
          ? fmt::format("; mean of {} seeds ± half the 95 % interval", figures.seed_count)
          : std::string());
  for (const std::string& title : figures.titles)
    out += fmt::format("<th scope=\"col\">{}</th>", escaped(title));
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : figures.rows) {
    out += fmt::format("<tr><th scope=\"row\">{}</th>", escaped(row.front()));
    for (std::size_t i = 1; i < row.size(); ++i) {
      const std::size_t sign = row[i].find(" ±");
      out += "<td>" + escaped(row[i].substr(0, sign));
      if (sign != std::string::npos && !is_nothing(row[i].substr(sign)))
        out += "<span class=\"pm\">" + escaped(row[i].substr(sign)) + "</span>";
      out += "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string failures_html(const Section& section) {
  if (section.failed.empty()) return "";
  std::string out = "<ul class=\"failed\">\n";
  for (const FailedRun& run : section.failed)
    out += fmt::format("<li><strong>{}, seed {}, failed:</strong> {}</li>\n", escaped(run.policy),
                       run.seed, escaped(run.message));
  return out + "</ul>\n";
}

std::string notes_html(const Section& section) {
  std::string items;
  for (const SkippedJobs& rows : section.header.skipped)
    items += fmt::format("<li>left out {}: {} (first: {})</li>\n", rows.count, escaped(rows.reason),
                         escaped(rows.example));
  for (const std::string& assumption : section.header.assumptions)
    items += "<li>" + escaped(assumption) + "</li>\n";
  if (items.empty()) return "";
  return "<details><summary>What was assumed and left out</summary><ul>\n" + items +
         "</ul></details>\n";
}

std::string section_html(const Section& section, bool with_finding) {
  std::string out = "<section>\n";
  if (with_finding) {
    out += fmt::format("<h2>{}</h2>\n", escaped(title_of(section)));
    out += fmt::format("<p>{}</p>\n", escaped(finding_of(section)));
  }
  return out + table_html(section) + failures_html(section) + notes_html(section) + "</section>\n";
}

constexpr std::string_view kHead =
    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    // Nothing is ever loaded from elsewhere.
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
    "<link rel=\"icon\" href=\"data:,\">\n";

constexpr std::string_view kReading =
    "<p>JCT is completion less arrival, wait the part of it without an allocation; both are of "
    "jobs "
    "that are done. GPUs is the share of what was up until the makespan that jobs held. Policies "
    "that finish fewer jobs finish others, so compare completion times with the number of jobs "
    "done. Jobs that train to an accuracy also have the mean time and samples until then.</p>\n";

}  // namespace

std::string comparison_page(const Comparison& comparison, const PageBundle& bundle,
                            bool with_cost) {
  const std::string title = headline(comparison);
  std::string out(kHead);
  out += fmt::format("<title>{} – bourse</title>\n<style>\n", escaped(title));
  out += bundle.style;
  out += "</style>\n</head>\n<body>\n<header>\n<p class=\"kicker\">bourse compare</p>\n";
  out += fmt::format("<h1>{}</h1>\n", escaped(title));
  out += fmt::format("<p class=\"finding\">{}</p>\n", escaped(finding_of(comparison)));
  out += "</header>\n<main>\n<div class=\"tables\">\n";
  const bool many = comparison.sections.size() > 1;
  for (const Section& section : comparison.sections)
    if (section.scale == 1) out += section_html(section, many);
  out += "</div>\n";
  if (bundle.script.empty())
    out +=
        "<p class=\"missing\">This program was built without npm, so the report has no "
        "pictures; docs/report.md says how to build it with them.</p>\n";
  else
    out +=
        "<div id=\"pictures\"></div>\n<noscript><p>The pictures need a browser that runs "
        "scripts.</p></noscript>\n";
  out += "</main>\n<footer>\n";
  out += kReading;
  out += fmt::format("<p>bourse {}, made by</p>\n<pre><code>{}</code></pre>\n</footer>\n",
                     escaped(comparison.version), escaped(comparison.command));
  if (!bundle.script.empty()) {
    out += "<script type=\"application/json\" id=\"comparison\">";
    out += inside_script(page_data(comparison, with_cost));
    out += "</script>\n<script>";
    out += bundle.script;
    out += "</script>\n";
  }
  return out + "</body>\n</html>\n";
}

}  // namespace bourse
