#include <charconv>
#include <chrono>

#include "bourse/trace/readers.h"

namespace bourse {
namespace {

/// Takes `digits` digits and then `separator` (unless 0) from the front of the text.
std::optional<int> take_digits(std::string_view& text, std::size_t digits, char separator) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const std::string_view front = text.substr(0, digits);
  const auto [end, code] = std::from_chars(front.data(), front.data() + front.size(), value);
  if (code != std::errc{} || end != front.data() + front.size() || value < 0) return std::nullopt;
  text.remove_prefix(digits);
  if (separator == 0) return value;
  if (text.empty() || text.front() != separator) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

}  // namespace

std::optional<double> parse_date_time(std::string_view text) {
  const auto year = take_digits(text, 4, '-');
  const auto month = year ? take_digits(text, 2, '-') : std::nullopt;
  const bool has_t = text.size() > 2 && text[2] == 'T';
  const auto day = month ? take_digits(text, 2, has_t ? 'T' : ' ') : std::nullopt;
  const auto hour = day ? take_digits(text, 2, ':') : std::nullopt;
  const auto minute = hour ? take_digits(text, 2, ':') : std::nullopt;
  const auto second = minute ? take_digits(text, 2, 0) : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  if (!text.empty() && text.front() != '.' && text.front() != '+' && text.front() != '-' &&
      text.front() != 'Z' && text.front() != ' ')
    return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400.0 + *hour * 3600 + *minute * 60 + *second;
}

}  // namespace bourse
