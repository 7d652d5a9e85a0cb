#include "bourse/report/bound_svg.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <span>
#include <utility>

#include "bourse/base/svg.h"

namespace bourse {
namespace {

constexpr double kBoundWidth = 960;
constexpr double kBoundLeft = 96;
constexpr double kBoundPanelWidth = 834;
constexpr double kBoundPanelHeight = 190;
constexpr double kBoundPanelStep = 290;  ///< From one panel to the next.
constexpr double kLegendRow = 22;
constexpr std::array<std::string_view, 3> kDashes{"", "7 4", "2 3"};

/// The line of a resource is told by its colour, and beyond six by its dashes too.
struct Stroke {
  std::string_view colour;
  std::string_view dash;
};

Stroke stroke_of(std::size_t index) {
  return {kSvgColours[index % kSvgColours.size()],
          kDashes[index / kSvgColours.size() % kDashes.size()]};
}

/// A unit of time in which the picture has a handful of ticks.
struct AxisUnit {
  double seconds;
  std::string_view name;
};

AxisUnit axis_unit_for(double seconds) {
  if (seconds > 3 * 86400.0) return {86400, "days"};
  if (seconds > 2 * 3600.0) return {3600, "hours"};
  return seconds > 180 ? AxisUnit{60, "minutes"} : AxisUnit{1, "seconds"};
}

/// Cells worth showing: up to the last that is priced or at least 2 % loaded.
std::size_t shown_cells(const BoundPicture& picture) {
  std::size_t shown = 0;
  for (const BoundPicture::Resource& resource : picture.resources)
    for (std::size_t k = 0; k < resource.worth.size(); ++k)
      if (resource.worth[k] > 0 || resource.load[k] >= 0.02) shown = std::max(shown, k + 1);
  return std::max<std::size_t>(shown, 1);
}

/// At most five characters: 0.25, 1500, 40k, 3M.
std::string short_text(double value) {
  if (value >= 1e15) return fmt::format("{:.0e}", value);
  for (const auto& [size, letter] : {std::pair(1e12, 'T'), {1e9, 'G'}, {1e6, 'M'}, {1e4, 'k'}})
    if (value >= size) return fmt::format("{:.3g}{}", value / (letter == 'k' ? 1e3 : size), letter);
  return fmt::format("{:.3g}", value);
}

std::string y_ticks(const SvgPanel& panel, double most, double step) {
  std::string out;
  for (double value = 0; value <= most * 1.001; value += step)
    out += svg_y_tick(panel, value / most, short_text(value));
  return out;
}

/// One panel with a step line for each resource.
std::string time_panel(const SvgPanel& panel, const BoundPicture& picture, std::size_t cells,
                       double step, double most,
                       const std::function<double(const BoundPicture::Resource&, std::size_t)>& at,
                       std::string_view title, std::string_view y_label) {
  const double start = picture.times.front().value;
  const double span = picture.times[cells].value - start;
  const AxisUnit unit = axis_unit_for(span);
  std::string out = y_ticks(panel, most, step);
  const double tick = svg_tick_step(span / unit.seconds / 2);
  for (double value = 0; value * unit.seconds <= span * 1.001; value += tick)
    out += svg_x_tick(panel, value * unit.seconds / span, fmt::format("{:.6g}", value));
  for (std::size_t r = 0; r < picture.resources.size(); ++r) {
    std::vector<std::pair<double, double>> points;
    for (std::size_t k = 0; k < cells; ++k) {
      const double height = std::clamp(at(picture.resources[r], k) / most, 0.0, 1.0);
      points.emplace_back((picture.times[k].value - start) / span, height);
      points.emplace_back((picture.times[k + 1].value - start) / span, height);
    }
    out += svg_curve(panel, points, stroke_of(r).colour, stroke_of(r).dash);
  }
  return out +
         svg_frame(panel, title, fmt::format("{} since the first arrival", unit.name), y_label);
}

/// The bound over the evaluations of the search, as a share of where it begins.
std::string search_panel(const SvgPanel& panel, const BoundPicture& picture) {
  const double first = std::max(picture.history.front(), 1e-300);
  const double lowest = 100 * picture.history.back() / first;
  const double step = svg_tick_step(std::max(100 - lowest, 1e-3));
  const double floor = step * std::floor(lowest / step + 1e-9);
  const double most = std::max(step, 100 - floor);
  std::string out;
  for (double value = 0; value <= most * 1.001; value += step)
    out += svg_y_tick(panel, value / most, fmt::format("{:.5g}", floor + value));
  const auto count = static_cast<double>(picture.history.size());
  const double tick = std::max(1.0, svg_tick_step(count / 2));
  for (double value = tick; value <= count; value += tick)
    out += svg_x_tick(panel, value / count, fmt::format("{:.0f}", value));
  std::vector<std::pair<double, double>> points;
  for (std::size_t k = 0; k < picture.history.size(); ++k)
    points.emplace_back(static_cast<double>(k + 1) / count,
                        (100 * picture.history[k] / first - floor) / most);
  if (points.size() == 1) points.emplace(points.begin(), 0.0, points.front().second);
  out += svg_curve(panel, points, kSvgColours[0]);
  return out + svg_frame(panel, "Search", "evaluations of the dual", "best bound, % of the first");
}

/// The highest worth of a resource in a cell shown.
double highest_worth(const BoundPicture& picture, std::size_t cells) {
  double highest = 0;
  for (const auto& resource : picture.resources)
    for (std::size_t k = 0; k < cells; ++k) highest = std::max(highest, resource.worth[k]);
  return highest;
}

/// Each resource with the mean price of one unit over the cells shown.
std::string legend(const BoundPicture& picture, std::size_t cells, double top) {
  std::string out;
  const double hours = (picture.times[cells] - picture.times.front()).value / 3600;
  for (std::size_t r = 0; r < picture.resources.size(); ++r) {
    const BoundPicture::Resource& resource = picture.resources[r];
    double worth = 0;
    for (std::size_t k = 0; k < cells; ++k)
      worth += resource.worth[k] * (picture.times[k + 1] - picture.times[k]).value / 3600;
    const double mean = resource.units > 0 ? worth / hours / resource.units : 0;
    const std::size_t row = r / 2;
    const double x = 24 + static_cast<double>(r % 2) * 460;
    const double y = top + static_cast<double>(row) * kLegendRow;
    const SvgPanel sample{x, y - 5, 28, 1};
    const std::array<std::pair<double, double>, 2> line{{{0, 0.5}, {1, 0.5}}};
    out += svg_curve(sample, line, stroke_of(r).colour, stroke_of(r).dash);
    out += svg_text(
        x + 36, y, "start",
        fmt::format("{}: on average {:.3g} per {} and hour", resource.name, mean, resource.unit));
  }
  return out;
}

}  // namespace

std::string bound_svg(const BoundPicture& picture) {
  const std::size_t cells = shown_cells(picture);
  const double rows = std::ceil(static_cast<double>(picture.resources.size()) / 2);
  const double top = 90 + rows * kLegendRow + 24;
  std::string out = svg_begin(
      kBoundWidth, top + 2 * kBoundPanelStep + kBoundPanelHeight + 60, picture.title,
      fmt::format("no scheduler earns more than {:.6g}; jobs that each had the cluster to itself "
                  "would earn {:.6g}",
                  picture.bound, picture.unhindered));
  out += legend(picture, cells, 90);
  const auto panel = [&](int index) {
    return SvgPanel{kBoundLeft, top + index * kBoundPanelStep, kBoundPanelWidth, kBoundPanelHeight};
  };
  const double highest = highest_worth(picture, cells);
  const double step = svg_tick_step(highest);
  out += time_panel(
      panel(0), picture, cells, step, step * std::max(1.0, std::ceil(highest / step - 1e-9)),
      [](const BoundPicture::Resource& r, std::size_t k) { return r.worth[k]; },
      "Price of all units that are up", "utility per hour");
  out += time_panel(
      panel(1), picture, cells, 25, 105,
      [](const BoundPicture::Resource& r, std::size_t k) { return 100 * r.load[k]; },
      "Load in the relaxed optimum", "% of what is up");
  return out + search_panel(panel(2), picture) + svg_end();
}

}  // namespace bourse
