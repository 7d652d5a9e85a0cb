#include "bourse/training/training_curve.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "bourse/base/svg.h"
#include "bourse/base/text.h"

namespace bourse::training {
namespace {

constexpr std::string_view kColumns = "step,samples,loss,accuracy,noise_scale,seconds";

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

/// Fewer points, each the mean of its neighbours: a picture has no more room.
std::vector<std::pair<double, double>> smoothed_losses(const std::vector<CurvePoint>& points) {
  constexpr std::size_t kMost = 200;
  const std::size_t width = std::max<std::size_t>(1, points.size() / kMost);
  std::vector<std::pair<double, double>> means;
  for (std::size_t begin = 0; begin < points.size(); begin += width) {
    const std::size_t end = std::min(points.size(), begin + width);
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += points[i].loss;
    means.emplace_back(static_cast<double>(points[end - 1].samples),
                       sum / static_cast<double>(end - begin));
  }
  return means;
}

void draw_ticks(std::string& svg, const SvgPanel& panel, double most_samples, double most_loss) {
  const double step = svg_tick_step(most_samples);
  for (double x = 0; x <= most_samples; x += step)
    svg += svg_x_tick(panel, x / most_samples,
                      x >= 1e6 ? fmt::format("{:g} M", x / 1e6) : fmt::format("{:g}", x));
  const double rise = svg_tick_step(most_loss);
  for (double y = 0; y <= most_loss; y += rise)
    svg += svg_y_tick(panel, y / most_loss, fmt::format("{:.3g}", y));
}

}  // namespace

std::string curve_csv(const std::vector<CurvePoint>& points) {
  std::string text = std::string(kColumns) + "\n";
  for (const CurvePoint& point : points)
    text += fmt::format("{},{},{},{},{},{:.4f}\n", point.step, point.samples, point.loss,
                        point.accuracy < 0 ? "" : fmt::format("{}", point.accuracy),
                        point.noise_scale < 0 ? "" : fmt::format("{:.1f}", point.noise_scale),
                        point.seconds);
  return text;
}

Result<std::vector<CurvePoint>> parse_curve_csv(const std::string& text) {
  std::vector<CurvePoint> points;
  int number = 0;
  for (const std::string_view line : split(text, '\n')) {
    if (++number == 1 || line.empty()) continue;
    const std::vector<std::string_view> fields = split(line, ',');
    CurvePoint point;
    const bool is_fine = fields.size() == 6 && read_number(fields[0], point.step) &&
                         read_number(fields[1], point.samples) &&
                         read_number(fields[2], point.loss) &&
                         (fields[3].empty() || read_number(fields[3], point.accuracy)) &&
                         (fields[4].empty() || read_number(fields[4], point.noise_scale)) &&
                         read_number(fields[5], point.seconds);
    if (!is_fine)
      return fail(ErrorCode::data_corrupted,
                  fmt::format("line {} is not '{}'", number, std::string(kColumns)));
    points.push_back(point);
  }
  return points;
}

std::string curve_svg(const std::vector<CurvePoint>& points, const std::string& title,
                      const std::string& subtitle) {
  constexpr double kWidth = 760;
  constexpr double kHeight = 420;
  const SvgPanel panel{.left = 70, .top = 90, .width = 610, .height = 260};
  const std::vector<std::pair<double, double>> losses = smoothed_losses(points);
  double most_samples = 1;
  double most_loss = 1e-9;
  for (const auto& [samples, loss] : losses) {
    most_samples = std::max(most_samples, samples);
    most_loss = std::max(most_loss, loss);
  }
  std::vector<std::pair<double, double>> loss_line;
  for (const auto& [samples, loss] : losses)
    loss_line.emplace_back(samples / most_samples, loss / most_loss);
  std::vector<std::pair<double, double>> accuracy_line;
  for (const CurvePoint& point : points)
    if (point.accuracy >= 0)
      accuracy_line.emplace_back(static_cast<double>(point.samples) / most_samples, point.accuracy);
  std::string svg = svg_begin(kWidth, kHeight, title, subtitle);
  draw_ticks(svg, panel, most_samples, most_loss);
  for (int percent = 0; percent <= 100; percent += 20)
    svg += svg_text(panel.left + panel.width + 8, panel.y(percent / 100.0) + 4, "start",
                    fmt::format("{} %", percent));
  svg += svg_frame(panel, "", "samples", "loss");
  svg += svg_curve(panel, loss_line, kSvgColours[0]);
  svg += svg_curve(panel, accuracy_line, kSvgColours[1]);
  svg += svg_square(panel.left + panel.width - 200, 70, kSvgColours[0]);
  svg += svg_text(panel.left + panel.width - 185, 79, "start", "training loss");
  svg += svg_square(panel.left + panel.width - 95, 70, kSvgColours[1]);
  svg += svg_text(panel.left + panel.width - 80, 79, "start", "test accuracy");
  return svg + svg_end();
}

}  // namespace bourse::training
