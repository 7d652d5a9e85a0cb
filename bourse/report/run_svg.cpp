#include "bourse/report/run_svg.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "bourse/base/svg.h"

namespace bourse {
namespace {

constexpr double kWidth = 960;
constexpr double kLeft = 90;
constexpr double kPanelWidth = 840;
constexpr double kPanelHeight = 190;
constexpr double kPanelStep = 300;
constexpr double kBarRow = 30;
/// Prices this much below the highest are drawn as if they were no lower.
constexpr double kMostDecades = 8;

using Points = std::vector<std::pair<double, double>>;

/// One policy of the picture, with its first run.
struct Drawn {
  std::string name;
  const RunDetail* detail = nullptr;
  double share = 0;  ///< Of the bound, mean of the runs that have one.
  int bounded = 0;   ///< How many have one.
};

std::vector<Drawn> policies_of(std::span<const RunReport> runs,
                               std::span<const RunDetail> details) {
  std::vector<Drawn> policies;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    auto at = std::ranges::find(policies, runs[i].policy, &Drawn::name);
    if (at == policies.end())
      at = policies.insert(at, {.name = runs[i].policy, .detail = &details[i]});
    const std::optional<double> share = runs[i].share_of_bound();
    if (!share) continue;
    at->share += (*share - at->share) / ++at->bounded;
  }
  return policies;
}

struct TimeUnit {
  std::string_view name;
  double seconds;
};

TimeUnit unit_for(double span) {
  if (span > 3 * 86400.0) return {"days", 86400};
  if (span > 2 * 3600.0) return {"hours", 3600};
  if (span > 120) return {"minutes", 60};
  return {"seconds", 1};
}

/// Colours repeat after the last one, with another dash.
std::string_view colour_of(std::size_t index) { return kSvgColours[index % kSvgColours.size()]; }
std::string_view dash_of(std::size_t index) { return index < kSvgColours.size() ? "" : "5 3"; }

std::string legend_entry(double x, double y, std::size_t index, std::string_view name) {
  const SvgPanel sample{x, y - 5, 24, 1};
  const std::array<std::pair<double, double>, 2> line{{{0, 0.5}, {1, 0.5}}};
  return svg_curve(sample, line, colour_of(index), dash_of(index)) +
         svg_text(x + 30, y, "start", name);
}

/// Names with the colours of their curves, at the upper right of a panel.
std::string legend(const SvgPanel& panel, const std::vector<std::string>& names) {
  std::string out;
  double x = panel.x(1);
  for (std::size_t i = names.size(); i-- > 0;) {
    x -= 48 + 9 * static_cast<double>(names[i].size());
    out += legend_entry(x, panel.top - 12, i, names[i]);
  }
  return out;
}

std::string time_axis(const SvgPanel& panel, double span, std::string_view title,
                      std::string_view y_label) {
  const TimeUnit unit = unit_for(span);
  std::string out;
  const double tick = std::max(svg_tick_step(span / unit.seconds / 2), 1e-9);
  for (double value = 0; value * unit.seconds <= span * 1.001; value += tick)
    out += svg_x_tick(panel, value * unit.seconds / span, fmt::format("{:.6g}", value));
  return out +
         svg_frame(panel, title, fmt::format("{} since the workload began", unit.name), y_label);
}

/// Each point holds until the next.
void add_step(Points& points, double time, double height) {
  if (!points.empty()) points.emplace_back(time, points.back().second);
  points.emplace_back(time, height);
}

std::string usage_panel(const SvgPanel& panel, const Cluster& cluster,
                        const std::vector<Drawn>& policies, double span) {
  const std::size_t primary = primary_resource(cluster);
  const double all = static_cast<double>(cluster.total()[primary]) / kAmountsPerUnit;
  std::string out;
  for (int percent = 0; percent <= 100; percent += 25)
    out += svg_y_tick(panel, percent / 100.0, fmt::format("{}", percent));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    Points points;
    for (const UsagePoint& point : policies[i].detail->usage)
      add_step(points, point.time.value / span, all > 0 ? std::min(1.0, point.used / all) : 0.0);
    out += svg_curve(panel, points, colour_of(i), dash_of(i));
    names.push_back(policies[i].name);
  }
  return out + legend(panel, names) +
         time_axis(panel, span, "Use", fmt::format("% of {} in use", cluster.types[primary].name));
}

std::string price_panel(const SvgPanel& panel, const Cluster& cluster, const Drawn& policy,
                        double span) {
  // A mean machine's share of each resource makes gigabytes and devices comparable.
  const ResourceVector total = cluster.total();
  std::vector<double> share;
  for (const Amount amount : total)
    share.push_back(static_cast<double>(amount) / kAmountsPerUnit /
                    static_cast<double>(cluster.machines.size()));
  double highest = 0;
  double lowest = 1e300;
  for (const PricePoint& point : policy.detail->prices)
    for (std::size_t r = 0; r < share.size(); ++r) {
      const double price = point.prices[r] * share[r];
      highest = std::max(highest, price);
      if (price > 0) lowest = std::min(lowest, price);
    }
  if (highest <= 0) highest = lowest = 1;
  const double top = std::ceil(std::log10(highest) + 1e-9);
  const double bottom = std::max(std::floor(std::log10(lowest)), top - kMostDecades);
  const double decades = std::max(1.0, top - bottom);
  std::string out;
  for (double decade = bottom; decade <= top; decade += decades > 4 ? 2 : 1)
    out +=
        svg_y_tick(panel, (decade - bottom) / decades, fmt::format("{:g}", std::pow(10, decade)));
  std::vector<std::string> names;
  for (std::size_t r = 0; r < share.size(); ++r) {
    names.push_back(cluster.types[r].name);
    if (share[r] <= 0) continue;
    Points points;
    for (const PricePoint& point : policy.detail->prices) {
      const double price = std::max(point.prices[r] * share[r], 1e-300);
      const double height = std::clamp((std::log10(price) - bottom) / decades, 0.0, 1.0);
      add_step(points, point.time.value / span, height);
    }
    out += svg_curve(panel, points, colour_of(r), dash_of(r));
  }
  return out + legend(panel, names) +
         time_axis(panel, span, fmt::format("Prices of {}", policy.name),
                   "utility, machine and slot");
}

/// A horizontal bar for each policy.
std::string share_panel(double top, const std::vector<Drawn>& policies) {
  std::string out =
      svg_text(kLeft, top - 12, "start", "Share of the bound", " font-weight=\"bold\"");
  double y = top;
  for (std::size_t i = 0; i < policies.size(); ++i, y += kBarRow) {
    out += svg_text(kLeft + 90, y + 17, "end", policies[i].name);
    const double full = kPanelWidth - 170;
    const SvgPanel all{kLeft + 100, y, full, kBarRow - 8};
    out += svg_bar(all, 0, 1, 1, "#EEEEEE");
    out += svg_bar(all, 0, std::min(1.0, policies[i].share), 1, colour_of(i));
    out +=
        svg_text(all.x(1) + 10, y + 17, "start", fmt::format("{:.1f} %", 100 * policies[i].share));
  }
  return out;
}

}  // namespace

std::string runs_svg(const ReportHeader& header, std::span<const RunReport> runs,
                     std::span<const RunDetail> details) {
  const std::vector<Drawn> policies = policies_of(runs, details);
  double span = 1;
  for (const Drawn& policy : policies)
    if (!policy.detail->usage.empty())
      span = std::max(span, policy.detail->usage.back().time.value);
  const bool has_bound =
      std::ranges::any_of(policies, [](const Drawn& policy) { return policy.bounded > 0; });
  const auto priced = std::ranges::count_if(
      policies, [](const Drawn& policy) { return !policy.detail->prices.empty(); });
  const double bars = has_bound ? 60 + kBarRow * static_cast<double>(policies.size()) : 0;
  const double height = 80 + kPanelStep * static_cast<double>(1 + priced) + bars;
  std::string out = svg_begin(
      kWidth, height, header.file,
      fmt::format("{} jobs on {} machines", header.jobs, header.cluster->machines.size()));
  double top = 110;
  out += usage_panel({kLeft, top, kPanelWidth, kPanelHeight}, *header.cluster, policies, span);
  for (const Drawn& policy : policies) {
    if (policy.detail->prices.empty()) continue;
    top += kPanelStep;
    out += price_panel({kLeft, top, kPanelWidth, kPanelHeight}, *header.cluster, policy, span);
  }
  if (has_bound) out += share_panel(top + kPanelStep, policies);
  return out + svg_end();
}

}  // namespace bourse
