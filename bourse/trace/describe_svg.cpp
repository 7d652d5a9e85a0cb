#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "bourse/trace/describe.h"

namespace bourse {
namespace {

// Colours of Okabe and Ito, told apart by everyone.
constexpr std::string_view kBlue = "#0072B2";
constexpr std::string_view kOrange = "#E69F00";
constexpr std::string_view kGrid = "#D9D9D9";
constexpr double kWidth = 960;
constexpr double kHeight = 680;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

/// A drawing area with axes; data are shares of its width and height, from the lower left.
struct Panel {
  double left;
  double top;
  double width;
  double height;
  [[nodiscard]] double x(double share) const { return left + share * width; }
  [[nodiscard]] double y(double share) const { return top + (1 - share) * height; }
};

std::string text_at(double x, double y, std::string_view anchor, std::string_view text,
                    std::string_view more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escaped(text));
}

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2,
      y2, colour);
}

std::string frame(const Panel& p, std::string_view title, std::string_view x_label,
                  std::string_view y_label) {
  std::string out = text_at(p.left, p.top - 12, "start", title, " font-weight=\"bold\"");
  out +=
      line(p.x(0), p.y(0), p.x(1), p.y(0), "black") + line(p.x(0), p.y(0), p.x(0), p.y(1), "black");
  out += text_at(p.left + p.width / 2, p.y(0) + 40, "middle", x_label);
  out += fmt::format(
      "<text transform=\"translate({:.1f},{:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      p.left - 48, p.top + p.height / 2, escaped(y_label));
  return out;
}

std::string x_tick(const Panel& p, double share, std::string_view label) {
  return line(p.x(share), p.y(0), p.x(share), p.y(0) + 5, "black") +
         text_at(p.x(share), p.y(0) + 20, "middle", label);
}

std::string y_tick(const Panel& p, double share, std::string_view label) {
  return line(p.x(0), p.y(share), p.x(1), p.y(share), kGrid) +
         text_at(p.left - 8, p.y(share) + 5, "end", label);
}

/// A round number at or above a quarter of `most`, so that about four ticks cover it.
double tick_step(double most) {
  if (most <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(most / 4)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= most / 4) return factor * power;
  return 10 * power;
}

std::string duration_panel(const Panel& p, std::vector<double> durations) {
  std::string out;
  for (int percent = 0; percent <= 100; percent += 25)
    out += y_tick(p, percent / 100.0, fmt::format("{}", percent));
  out += frame(p, "Durations", "duration (logarithmic)", "% of jobs that take at most this");
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
    if (share >= 0 && share <= 1) out += x_tick(p, share, tick.label);
  }
  out += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\" points=\"", kBlue);
  const std::size_t step = std::max<std::size_t>(1, durations.size() / 500);
  double before = 0;
  for (std::size_t i = 0; i < durations.size(); i += step) {
    const std::size_t at = std::min(i + step, durations.size()) - 1;
    const double share = (std::log10(durations[at]) - low) / width;
    const double below = static_cast<double>(at + 1) / static_cast<double>(durations.size());
    out += fmt::format("{:.1f},{:.1f} {:.1f},{:.1f} ", p.x(share), p.y(before), p.x(share),
                       p.y(below));
    before = below;
  }
  return out + "\"/>\n";
}

std::string rectangle(const Panel& p, double from, double to, double share,
                      std::string_view colour) {
  return fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
      p.x(from), p.y(share), (to - from) * p.width, share * p.height, colour);
}

/// Sizes in classes 0, up to 1, 2, 4, 8 ...: share of jobs beside share of GPU-hours.
std::string size_panel(const Panel& p, const Description& d) {
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
    out += y_tick(p, percent / 100.0, fmt::format("{}", percent));
  out += frame(p, "GPUs of a job", "GPUs", "% of all");
  const double width = 1.0 / static_cast<double>(std::max<std::size_t>(classes.size(), 1));
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const double from = static_cast<double>(i) * width;
    out += rectangle(p, from + 0.12 * width, from + 0.5 * width, classes[i].jobs, kBlue);
    out += rectangle(p, from + 0.5 * width, from + 0.88 * width, classes[i].hours, kOrange);
    out += text_at(p.x(from + width / 2), p.y(0) + 20, "middle", classes[i].label,
                   classes.size() > 6 ? " font-size=\"11\"" : "");
  }
  const double legend = p.left + p.width - 190;
  out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n",
                     legend, p.top - 22, kBlue);
  out += text_at(legend + 18, p.top - 12, "start", "jobs");
  out += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n",
                     legend + 70, p.top - 22, kOrange);
  out += text_at(legend + 88, p.top - 12, "start", "GPU-hours");
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

std::string arrival_panel(const Panel& p, const Workload& workload, const Description& d) {
  const double start = d.first_arrival.value;
  const double span = std::max(d.last_arrival.value - start, 1.0);
  const double bin = bin_seconds(span);
  std::vector<double> counts(static_cast<std::size_t>(span / bin) + 1, 0);
  for (const JobSpec& job : workload.jobs)
    ++counts[std::min(static_cast<std::size_t>((job.arrival.value - start) / bin),
                      counts.size() - 1)];
  const double step = std::max(tick_step(std::ranges::max(counts)), 1.0);
  const double most = step * std::max(1.0, std::ceil(std::ranges::max(counts) / step));
  std::string out;
  for (double value = 0; value <= most * 1.001; value += step)
    out += y_tick(p, value / most, fmt::format("{:.0f}", value));
  const bool days = span > 3 * 86400;
  const bool hours = span > 2 * 3600;
  const double unit = days ? 86400 : (hours ? 3600 : 60);
  out += frame(p, "Arrivals",
               days ? "days since the first arrival"
                    : (hours ? "hours since the first arrival" : "minutes since the first arrival"),
               "jobs per " + bin_name(bin));
  const double total = static_cast<double>(counts.size()) * bin;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double from = static_cast<double>(i) * bin / total;
    out += rectangle(p, from, from + bin / total, counts[i] / most, kBlue);
  }
  const double tick = std::max(tick_step(2 * total / unit / 4), 1e-3);
  for (double value = 0; value * unit <= total; value += tick)
    out += x_tick(p, value * unit / total, fmt::format("{:g}", value));
  return out;
}

}  // namespace

std::string description_svg(const Workload& workload, std::string_view title) {
  const Description d = describe(workload);
  std::vector<double> durations;
  for (const JobSpec& job : workload.jobs)
    if (const Seconds duration = requested_duration(job); duration < kForever)
      durations.push_back(duration.value);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"14\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
      kWidth, kHeight);
  out += text_at(24, 34, "start", title, " font-size=\"20\" font-weight=\"bold\"");
  out += text_at(24, 58, "start", fmt::format("{} jobs, {:.0f} GPU-hours", d.jobs, d.gpu_hours));
  out += duration_panel({80, 110, 370, 210}, std::move(durations));
  out += size_panel({560, 110, 370, 210}, d);
  out += arrival_panel({80, 430, 850, 180}, workload, d);
  return out + "</svg>\n";
}

}  // namespace bourse
