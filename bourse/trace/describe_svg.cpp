#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "bourse/base/svg.h"
#include "bourse/trace/describe.h"

namespace bourse {
namespace {

constexpr std::string_view kBlue = kSvgColours[0];
constexpr std::string_view kOrange = kSvgColours[1];
constexpr double kWidth = 960;
constexpr double kHeight = 680;

std::string duration_panel(const SvgPanel& p, std::vector<double> durations) {
  std::string out;
  for (int percent = 0; percent <= 100; percent += 25)
    out += svg_y_tick(p, percent / 100.0, fmt::format("{}", percent));
  out += svg_frame(p, "Durations", "duration (logarithmic)", "% of jobs that take at most this");
  if (durations.empty()) return out;
  std::ranges::sort(durations);
  const double low = std::log10(durations.front());
  const double width = std::max(std::log10(durations.back()) - low, 1e-9);
  struct Tick {
    double seconds;
    std::string_view label;
  };
  constexpr std::array<Tick, 10> kTicks{{{1, "1 s"},
                                         {10, "10 s"},
                                         {60, "1 min"},
                                         {600, "10 min"},
                                         {3600, "1 h"},
                                         {10 * 3600.0, "10 h"},
                                         {4 * 86400.0, "4 d"},
                                         {40 * 86400.0, "40 d"},
                                         {365 * 86400.0, "1 y"},
                                         {3650 * 86400.0, "10 y"}}};
  for (const Tick& tick : kTicks) {
    const double share = (std::log10(tick.seconds) - low) / width;
    if (share >= 0 && share <= 1) out += svg_x_tick(p, share, tick.label);
  }
  std::vector<std::pair<double, double>> points;
  const std::size_t step = std::max<std::size_t>(1, durations.size() / 500);
  double before = 0;
  for (std::size_t i = 0; i < durations.size(); i += step) {
    const std::size_t at = std::min(i + step, durations.size()) - 1;
    const double share = (std::log10(durations[at]) - low) / width;
    const double below = static_cast<double>(at + 1) / static_cast<double>(durations.size());
    points.insert(points.end(), {{share, before}, {share, below}});
    before = below;
  }
  return out + svg_curve(p, points, kBlue);
}

/// Sizes in classes 0, up to 1, 2, 4, 8 ...: share of jobs beside share of GPU-hours.
std::string size_panel(const SvgPanel& p, const Description& d) {
  struct Class {
    std::string label;
    double jobs = 0;
    double hours = 0;
  };
  std::vector<Class> classes;
  for (const SizeShare& size : d.sizes) {
    const double power =
        size.gpus <= 0 ? 0 : std::exp2(std::max(0.0, std::ceil(std::log2(size.gpus))));
    const double below = power / 2 + 1;
    std::string label =
        power >= 4 ? fmt::format("{:.0f}-{:.0f}", below, power) : fmt::format("{:.0f}", power);
    if (classes.empty() || classes.back().label != label)
      classes.push_back({.label = std::move(label)});
    classes.back().jobs += static_cast<double>(size.jobs) / static_cast<double>(d.jobs);
    if (d.gpu_hours > 0) classes.back().hours += size.gpu_hours / d.gpu_hours;
  }
  std::string out;
  for (int percent = 0; percent <= 100; percent += 25)
    out += svg_y_tick(p, percent / 100.0, fmt::format("{}", percent));
  out += svg_frame(p, "GPUs of a job", "GPUs", "% of all");
  const double width = 1.0 / static_cast<double>(std::max<std::size_t>(classes.size(), 1));
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const double from = static_cast<double>(i) * width;
    out += svg_bar(p, from + 0.12 * width, from + 0.5 * width, classes[i].jobs, kBlue);
    out += svg_bar(p, from + 0.5 * width, from + 0.88 * width, classes[i].hours, kOrange);
    out += svg_text(p.x(from + width / 2), p.y(0) + 20, "middle", classes[i].label,
                    classes.size() > 6 ? " font-size=\"11\"" : "");
  }
  const double legend = p.left + p.width - 190;
  out += svg_square(legend, p.top - 22, kBlue);
  out += svg_text(legend + 18, p.top - 12, "start", "jobs");
  out += svg_square(legend + 70, p.top - 22, kOrange);
  out += svg_text(legend + 88, p.top - 12, "start", "GPU-hours");
  return out;
}

/// Width of a bin of arrivals: a round time that makes at most 200 bins.
double bin_seconds(double span) {
  for (const double seconds : {1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 86400.0, 7 * 86400.0})
    if (span / seconds <= 200) return seconds;
  return std::max(span / 200, 1.0);
}

std::string bin_name(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  if (seconds < 3600) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 86400) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} d", seconds / 86400);
}

std::string arrival_panel(const SvgPanel& p, const Workload& workload, const Description& d) {
  const double start = d.first_arrival.value;
  const double span = std::max(d.last_arrival.value - start, 1.0);
  const double bin = bin_seconds(span);
  std::vector<double> counts(static_cast<std::size_t>(span / bin) + 1, 0);
  for (const JobSpec& job : workload.jobs)
    ++counts[std::min(static_cast<std::size_t>((job.arrival.value - start) / bin),
                      counts.size() - 1)];
  const double step = std::max(svg_tick_step(std::ranges::max(counts)), 1.0);
  const double most = step * std::max(1.0, std::ceil(std::ranges::max(counts) / step));
  std::string out;
  for (double value = 0; value <= most * 1.001; value += step)
    out += svg_y_tick(p, value / most, fmt::format("{:.0f}", value));
  const bool days = span > 3 * 86400;
  const bool hours = span > 2 * 3600;
  const double unit = days ? 86400 : (hours ? 3600 : 60);
  out += svg_frame(
      p, "Arrivals",
      days ? "days since the first arrival"
           : (hours ? "hours since the first arrival" : "minutes since the first arrival"),
      "jobs per " + bin_name(bin));
  const double total = static_cast<double>(counts.size()) * bin;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double from = static_cast<double>(i) * bin / total;
    out += svg_bar(p, from, from + bin / total, counts[i] / most, kBlue);
  }
  const double tick = std::max(svg_tick_step(2 * total / unit / 4), 1e-3);
  for (double value = 0; value * unit <= total; value += tick)
    out += svg_x_tick(p, value * unit / total, fmt::format("{:g}", value));
  return out;
}

}  // namespace

std::string description_svg(const Workload& workload, std::string_view title) {
  const Description d = describe(workload);
  std::vector<double> durations;
  for (const JobSpec& job : workload.jobs)
    if (const Seconds duration = requested_duration(job); duration < kForever)
      durations.push_back(duration.value);
  std::string out = svg_begin(kWidth, kHeight, title,
                              fmt::format("{} jobs, {:.0f} GPU-hours", d.jobs, d.gpu_hours));
  out += duration_panel({80, 110, 370, 210}, std::move(durations));
  out += size_panel({560, 110, 370, 210}, d);
  out += arrival_panel({80, 430, 850, 180}, workload, d);
  return out + svg_end();
}

}  // namespace bourse
