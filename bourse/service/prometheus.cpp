#include "bourse/service/prometheus.h"

#include <fmt/core.h>

#include <string_view>
#include <utility>

#include "bourse/base/units.h"

namespace bourse {
namespace {

/// A label value with what must be escaped escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"')
      out += fmt::format("\\{}", c);
    else if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

class PrometheusWriter {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP bourse_{0} {1}\n# TYPE bourse_{0} {2}\n", name, help, type);
  }
  void value(double value) { out_ += fmt::format("bourse_{} {}\n", name_, number_text(value)); }
  void value(std::string_view label, std::string_view label_value, double value) {
    out_ += fmt::format("bourse_{}{{{}=\"{}\"}} {}\n", name_, label, escaped(label_value),
                        number_text(value));
  }
  void counter(std::string_view name, std::string_view help, double count) {
    family(name, "counter", help);
    value(count);
  }
  void gauge(std::string_view name, std::string_view help, double number) {
    family(name, "gauge", help);
    value(number);
  }
  void duration(const std::string& name, std::string_view what, const DurationFigure& figure) {
    family(name + "_seconds", "summary", fmt::format("Time of {}.", what));
    out_ += fmt::format("bourse_{0}_seconds_sum {1}\nbourse_{0}_seconds_count {2}\n", name,
                        number_text(figure.sum.value), figure.count);
    gauge(name + "_max_seconds", fmt::format("Longest of {}.", what), figure.max.value);
  }

  [[nodiscard]] std::string text() && { return std::move(out_); }

 private:
  std::string out_;
  std::string_view name_;
};

double in_units(const ResourceType& type, Amount amount) {
  const auto number = static_cast<double>(amount);
  return type.kind == ResourceKind::count ? number / kAmountsPerUnit : number * 1048.576;
}

void write_resources(PrometheusWriter& out, const MetricsView& figures) {
  const auto write = [&](std::string_view name, std::string_view help,
                         const ResourceVector& amounts) {
    out.family(name, "gauge", help);
    for (std::size_t r = 0; r < amounts.size() && r < figures.types.size(); ++r)
      out.value("resource", figures.types[r].name, in_units(figures.types[r], amounts[r]));
  };
  write("resource_capacity", "Of all machines that are up; sizes in bytes.",
        figures.total.capacity);
  write("resource_used", "Held by jobs; sizes in bytes.", figures.total.used);
  out.family("price", "gauge",
             "Utility per unit and slot, the mean over machines; sizes by the MiB.");
  for (const ResourcePrice& price : figures.prices)
    out.value("resource", price.resource, price.price);
}

}  // namespace

std::string prometheus_text(const MetricsView& figures) {
  PrometheusWriter out;
  out.family("build_info", "gauge", "Version of the daemon.");
  out.value("version", figures.version, 1);
  out.family("policy_info", "gauge", "Policy that decides.");
  out.value("policy", figures.policy, 1);
  out.gauge("start_time_seconds", "When the daemon began, since 1970-01-01 UTC.",
            figures.started.value);
  out.family("jobs", "gauge", "Jobs in each phase, ended ones included.");
  for (const auto& [phase, count] : figures.jobs)
    out.value("phase", name_of(phase), static_cast<double>(count));
  out.family("machines", "gauge", "Machines in each state.");
  for (const auto& [state, count] : figures.machines)
    out.value("state", state, static_cast<double>(count));
  write_resources(out, figures);
  out.duration("decision", "answers of the policy", figures.decisions);
  out.duration("journal_commit", "commits of the journal", figures.commits);
  out.counter("cells_started_total", "Cells that were started.",
              static_cast<double>(figures.cells_started));
  out.counter("cells_lost_total", "Cells that were lost.", static_cast<double>(figures.cells_lost));
  out.counter("job_failures_total", "Incarnations of jobs that failed.",
              static_cast<double>(figures.failures));
  out.counter("job_resizes_total", "Jobs that were resized or moved.",
              static_cast<double>(figures.resizes));
  out.gauge("utility", "Utility earned by finished jobs.", figures.utility);
  return std::move(out).text();
}

}  // namespace bourse
