#include "bourse/policy/parameters.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr Seconds kShortestPeriod{1e-3};

}  // namespace

SettingsReader::SettingsReader(std::string_view policy, const std::vector<Parameter>& parameters,
                               const Settings& settings)
    : policy_(policy), parameters_(&parameters), settings_(&settings) {}

std::string SettingsReader::full_name(std::string_view name) const {
  return fmt::format("{}.{}", policy_, name);
}

tl::unexpected<Error> SettingsReader::bad(std::string_view name, std::string_view why) const {
  return invalid(fmt::format("setting '{}': '{}' {}", full_name(name), quotable(text(name)), why));
}

Result<void> SettingsReader::check_names() const {
  std::vector<std::string_view> known;
  for (const Parameter& parameter : *parameters_) known.push_back(parameter.name);
  for (const auto& [name, value] : *settings_)
    if (std::ranges::find(known, name) == known.end())
      return invalid(fmt::format("policy '{}' has no setting '{}'{}", policy_, quotable(name),
                                 known.empty() ? "; it has none at all" : suggestion(name, known)));
  return {};
}

std::string_view SettingsReader::text(std::string_view name) const {
  if (const auto set = settings_->find(name); set != settings_->end()) return set->second;
  const auto parameter = std::ranges::find(*parameters_, name, &Parameter::name);
  BOURSE_CHECK(parameter != parameters_->end());
  return parameter->default_text;
}

Result<bool> SettingsReader::flag(std::string_view name) const {
  if (text(name) == "true") return true;
  if (text(name) == "false") return false;
  return bad(name, "is neither true nor false");
}

Result<double> SettingsReader::number(std::string_view name, double low, double high) const {
  const Result<double> value = parse_number(text(name));
  if (!value) return bad(name, "is not a number");
  if (*value < low || *value > high)
    return bad(name, fmt::format("is outside {} to {}", low, high));
  return *value;
}

Result<int> SettingsReader::whole(std::string_view name, int low, int high) const {
  BOURSE_TRY(const double value, number(name, low, high));
  if (value != std::floor(value)) return bad(name, "is not a whole number");
  return static_cast<int>(value);
}

Result<Seconds> SettingsReader::seconds(std::string_view name) const {
  const Result<Seconds> value = parse_seconds(text(name));
  if (!value) return bad(name, "is not a duration such as 10min");
  return *value;
}

Result<Seconds> SettingsReader::period(std::string_view name, Seconds automatic) const {
  if (text(name) == "auto") return automatic;
  BOURSE_TRY(const Seconds value, seconds(name));
  if (value < kShortestPeriod) return bad(name, "must be at least 1ms");
  return value;
}

Result<Seconds> SettingsReader::period_or_none(std::string_view name, Seconds automatic) const {
  if (text(name) == "auto") return automatic;
  BOURSE_TRY(const Seconds value, seconds(name));
  if (value > Seconds(0) && value < kShortestPeriod) return bad(name, "must be 0 or at least 1ms");
  return value;
}

Result<std::size_t> SettingsReader::choice(std::string_view name,
                                           const std::vector<std::string_view>& choices) const {
  const auto at = std::ranges::find(choices, text(name));
  if (at == choices.end()) return bad(name, "is unknown" + suggestion(text(name), choices));
  return static_cast<std::size_t>(at - choices.begin());
}

}  // namespace bourse
