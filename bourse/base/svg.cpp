#include "bourse/base/svg.h"

#include <fmt/core.h>

#include <cmath>

namespace bourse {
namespace {

constexpr std::string_view kGrid = "#D9D9D9";

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

std::string line(double x1, double y1, double x2, double y2, std::string_view colour) {
  return fmt::format(
      "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\"/>\n", x1, y1, x2,
      y2, colour);
}

}  // namespace

std::string svg_begin(double width, double height, std::string_view title,
                      std::string_view subtitle) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
             "height=\"{1}\" font-family=\"DejaVu Sans, Arial, sans-serif\" font-size=\"14\">\n"
             "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
             width, height) +
         svg_text(24, 34, "start", title, " font-size=\"20\" font-weight=\"bold\"") +
         svg_text(24, 58, "start", subtitle);
}

std::string svg_end() { return "</svg>\n"; }

std::string svg_text(double x, double y, std::string_view anchor, std::string_view text,
                     std::string_view more) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escaped(text));
}

std::string svg_frame(const SvgPanel& p, std::string_view title, std::string_view x_label,
                      std::string_view y_label) {
  std::string out = svg_text(p.left, p.top - 12, "start", title, " font-weight=\"bold\"");
  out +=
      line(p.x(0), p.y(0), p.x(1), p.y(0), "black") + line(p.x(0), p.y(0), p.x(0), p.y(1), "black");
  out += svg_text(p.left + p.width / 2, p.y(0) + 40, "middle", x_label);
  out += fmt::format(
      "<text transform=\"translate({:.1f},{:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
      p.left - 70, p.top + p.height / 2, escaped(y_label));
  return out;
}

std::string svg_x_tick(const SvgPanel& p, double share, std::string_view label) {
  return line(p.x(share), p.y(0), p.x(share), p.y(0) + 5, "black") +
         svg_text(p.x(share), p.y(0) + 20, "middle", label);
}

std::string svg_y_tick(const SvgPanel& p, double share, std::string_view label) {
  return line(p.x(0), p.y(share), p.x(1), p.y(share), kGrid) +
         svg_text(p.left - 8, p.y(share) + 5, "end", label);
}

std::string svg_bar(const SvgPanel& p, double from, double to, double share,
                    std::string_view colour) {
  return fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
      p.x(from), p.y(share), (to - from) * p.width, share * p.height, colour);
}

std::string svg_curve(const SvgPanel& p, std::span<const std::pair<double, double>> points,
                      std::string_view colour, std::string_view dash) {
  if (points.empty()) return {};
  std::string out = fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"2\"", colour);
  if (!dash.empty()) out += fmt::format(" stroke-dasharray=\"{}\"", dash);
  out += " points=\"";
  for (const auto& [x, y] : points) out += fmt::format("{:.1f},{:.1f} ", p.x(x), p.y(y));
  return out + "\"/>\n";
}

std::string svg_square(double x, double y, std::string_view colour) {
  return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"12\" height=\"12\" fill=\"{}\"/>\n",
                     x, y, colour);
}

double svg_tick_step(double most) {
  if (most <= 0) return 1;
  const double power = std::pow(10, std::floor(std::log10(most / 4)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= most / 4) return factor * power;
  return 10 * power;
}

}  // namespace bourse
