#include "bourse/base/units.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "bourse/base/text.h"

namespace bourse {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 9> kTimeUnits{{{"w", 604800},
                                          {"d", 86400},
                                          {"h", 3600},
                                          {"min", 60},
                                          {"m", 60},
                                          {"s", 1},
                                          {"ms", 1e-3},
                                          {"us", 1e-6},
                                          {"ns", 1e-9}}};
constexpr std::array<Unit, 9> kByteUnits{{{"TiB", 1099511627776.0},
                                          {"GiB", 1073741824.0},
                                          {"MiB", 1048576.0},
                                          {"KiB", 1024.0},
                                          {"TB", 1e12},
                                          {"GB", 1e9},
                                          {"MB", 1e6},
                                          {"kB", 1e3},
                                          {"B", 1}}};
constexpr std::array<Unit, 5> kBitUnits{
    {{"Tbit", 1.25e11}, {"Gbit", 1.25e8}, {"Mbit", 1.25e5}, {"kbit", 125}, {"bit", 0.125}}};
constexpr std::string_view kTimeNames = "ns, us, ms, s, min, h, d, w";
constexpr std::string_view kByteNames = "B, kB, MB, GB, TB, KiB, MiB, GiB, TiB";

/// Takes a number from the front of `text` and leaves the rest there.
Result<double> take_number(std::string_view& text, std::string_view whole) {
  double value = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code == std::errc::result_out_of_range)
    return invalid(fmt::format("'{}' is out of the range of a number", whole));
  if (code != std::errc{} || end == digits.data())
    return invalid(fmt::format("'{}' does not start with a number", whole));
  if (!std::isfinite(value)) return invalid(fmt::format("'{}' is not a finite number", whole));
  text = std::string_view(end, static_cast<std::size_t>(digits.data() + digits.size() - end));
  return value;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return &unit;
  return nullptr;
}

Result<double> non_negative(double value, std::string_view whole) {
  if (value < 0) return invalid(fmt::format("'{}' is negative", whole));
  if (!std::isfinite(value))
    return invalid(fmt::format("'{}' is out of the range of a number", whole));
  return value;
}

Result<Seconds> stated_seconds(double value, std::string_view whole) {
  BOURSE_TRY(const double seconds, non_negative(value, whole));
  if (seconds > kLongestStated.value) return invalid(fmt::format("'{}' is beyond 1e12 s", whole));
  return Seconds(seconds);
}

/// The largest unit in which the value is a short number, so that reading it back is exact. The
/// last unit is the one that every value has.
std::string in_best_unit(double value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    const double scaled = value / unit.factor;
    if (scaled >= 1 && scaled == std::floor(scaled) && scaled * unit.factor == value)
      return fmt::format("{}{}", scaled, unit.name);
  }
  return fmt::format("{}{}", value, units.back().name);
}

}  // namespace

Result<double> parse_number(std::string_view text) {
  const std::string_view whole = trim(text);
  if (whole.empty()) return invalid("an empty text is not a number");
  std::string_view rest = whole;
  BOURSE_TRY(const double value, take_number(rest, whole));
  if (!rest.empty()) return invalid(fmt::format("'{}' is not a number", whole));
  return value;
}

Result<Seconds> parse_seconds(std::string_view text) {
  const std::string_view whole = trim(text);
  if (whole.empty()) return invalid("an empty text is not a duration");
  std::string_view rest = whole;
  double total = 0;
  double last_factor = 0;
  while (!rest.empty()) {
    BOURSE_TRY(const double number, take_number(rest, whole));
    rest = trim(rest);
    const auto length = rest.find_first_of("0123456789.+- ");
    const std::string_view name = rest.substr(0, length);
    rest = trim(rest.substr(name.size()));
    if (name.empty() && rest.empty() && last_factor == 0) return stated_seconds(number, whole);
    const Unit* unit = find_unit(kTimeUnits, name);
    if (unit == nullptr)
      return invalid(
          fmt::format("'{}' has no known unit of time; use one of {}", whole, kTimeNames));
    if (last_factor != 0 && unit->factor >= last_factor)
      return invalid(fmt::format("'{}' does not go from large units to small ones", whole));
    if (number < 0) return invalid(fmt::format("'{}' is negative", whole));
    last_factor = unit->factor;
    total += number * unit->factor;
  }
  return stated_seconds(total, whole);
}

Result<Bytes> parse_bytes(std::string_view text) {
  const std::string_view whole = trim(text);
  if (whole.empty()) return invalid("an empty text is not a size");
  std::string_view rest = whole;
  BOURSE_TRY(const double number, take_number(rest, whole));
  rest = trim(rest);
  if (rest.empty() && number == 0) return Bytes(0);
  const Unit* unit = find_unit(kByteUnits, rest);
  if (unit == nullptr)
    return invalid(fmt::format("'{}' has no known unit of size; use one of {}", whole, kByteNames));
  BOURSE_TRY(const double value, non_negative(number * unit->factor, whole));
  return Bytes(value);
}

Result<BytesPerSecond> parse_bytes_per_second(std::string_view text) {
  const std::string_view whole = trim(text);
  const auto bad = [&] {
    return invalid(
        fmt::format("'{}' has no known unit of rate; use one of kbit/s, Mbit/s, Gbit/s, kB/s, "
                    "MB/s, GB/s, MiB/s",
                    whole));
  };
  if (!whole.ends_with("/s")) return bad();
  std::string_view rest = whole.substr(0, whole.size() - 2);
  BOURSE_TRY(const double number, take_number(rest, whole));
  rest = trim(rest);
  const Unit* unit = find_unit(kBitUnits, rest);
  if (unit == nullptr) unit = find_unit(kByteUnits, rest);
  if (unit == nullptr) return bad();
  BOURSE_TRY(const double value, non_negative(number * unit->factor, whole));
  return BytesPerSecond(value);
}

std::string to_text(Seconds value) { return fmt::format("{}s", value.value); }

std::string to_text(Bytes value) {
  return value.value == 0 ? "0B" : in_best_unit(value.value, kByteUnits);
}

std::string to_text(BytesPerSecond value) { return to_text(Bytes(value.value)) + "/s"; }

std::string number_text(double value) { return fmt::format("{}", value); }

std::string human(Seconds value) {
  const double s = value.value;
  if (!std::isfinite(s)) return s > 0 ? "forever" : "-";
  if (s < 0.1 && s > 0) return fmt::format("{:.3g}s", s);
  if (s < 60) return fmt::format("{:.1f}s", s);
  if (s > 1e15) return fmt::format("{:.3g}s", s);  // days would be no easier to read
  const auto whole = static_cast<long long>(std::llround(s));
  if (whole < 3600) return fmt::format("{}m {:02}s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{}h {:02}m", whole / 3600, whole % 3600 / 60);
  return fmt::format("{}d {:02}h", whole / 86400, whole % 86400 / 3600);
}

}  // namespace bourse
