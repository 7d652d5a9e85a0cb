#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace bourse {

// Pieces of pictures in SVG. Every picture has a white background, so that it reads the same on a
// light and on a dark page; coordinates are in pixels from the upper left.

/// Colours of Okabe and Ito, told apart by everyone.
inline constexpr std::array<std::string_view, 6> kSvgColours{"#0072B2", "#E69F00", "#009E73",
                                                             "#D55E00", "#CC79A7", "#56B4E9"};

/// A drawing area with axes; data are shares of its width and height, from the lower left.
struct SvgPanel {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
  [[nodiscard]] double x(double share) const { return left + share * width; }
  [[nodiscard]] double y(double share) const { return top + (1 - share) * height; }
};

/// The start of a picture with a title and a line below it, and its end.
[[nodiscard]] std::string svg_begin(double width, double height, std::string_view title,
                                    std::string_view subtitle);
[[nodiscard]] std::string svg_end();

/// Text; `anchor` is start, middle or end, `more` holds further attributes.
[[nodiscard]] std::string svg_text(double x, double y, std::string_view anchor,
                                   std::string_view text, std::string_view more = "");
/// Axes, title and labels of a panel. Draw it after its ticks.
[[nodiscard]] std::string svg_frame(const SvgPanel& panel, std::string_view title,
                                    std::string_view x_label, std::string_view y_label);
[[nodiscard]] std::string svg_x_tick(const SvgPanel& panel, double share, std::string_view label);
[[nodiscard]] std::string svg_y_tick(const SvgPanel& panel, double share, std::string_view label);
/// A bar from the x axis up, between two shares of the width.
[[nodiscard]] std::string svg_bar(const SvgPanel& panel, double from, double to, double share,
                                  std::string_view colour);
/// A line through points (shares); `dash` as in stroke-dasharray, empty for a full line.
[[nodiscard]] std::string svg_curve(const SvgPanel& panel,
                                    std::span<const std::pair<double, double>> points,
                                    std::string_view colour, std::string_view dash = "");
/// A small square of a colour, as in a legend.
[[nodiscard]] std::string svg_square(double x, double y, std::string_view colour);

/// A round number at or above a quarter of `most`, so that about four ticks cover it.
[[nodiscard]] double svg_tick_step(double most);

}  // namespace bourse
