#include "apps/bourse/progress_bar.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "apps/bourse/clocks.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/units.h"

namespace bourse {

ProgressBar::ProgressBar(bool enabled) : enabled_(enabled), started_(monotonic_seconds()) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::clear() {
  if (!drawn_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  drawn_ = false;
}

void ProgressBar::show(double share, std::string_view words) {
  const double passed = monotonic_seconds() - started_;
  if (!enabled_ || passed < 1) return;
  // Before a hundredth is done, the time left is a guess that frightens.
  const std::string left =
      share < 0.01 ? "" : human(Seconds(passed / share * (1 - share))) + " left";
  const std::string numbers =
      fmt::format(" {:3.0f} %  {} so far  {}{}{}", share * 100, human(Seconds(passed)), left,
                  words.empty() ? "" : "  ", words);
  const std::size_t room = std::min<std::size_t>(terminal_width(), 100);
  const std::size_t width = room > numbers.size() + 13 ? room - numbers.size() - 3 : 10;
  const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
  fmt::print(stderr, "\r\x1b[K[{}{}]{}", std::string(full, '='), std::string(width - full, ' '),
             numbers);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace bourse
