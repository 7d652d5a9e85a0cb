#include "bourse/policy/price_settings.h"

#include <fmt/core.h>

#include "bourse/policy/parameters.h"

namespace bourse {

Result<std::optional<std::pair<double, double>>> read_fixed_bounds(const SettingsReader& settings) {
  const bool low = settings.text("price-low") != "auto";
  const bool high = settings.text("price-high") != "auto";
  if (low != high)
    return invalid(fmt::format("settings '{}' and '{}' go together",
                               settings.full_name("price-low"), settings.full_name("price-high")));
  if (!low) return std::nullopt;
  BOURSE_TRY(const double lowest, settings.number("price-low", 1e-300, 1e300));
  BOURSE_TRY(const double highest, settings.number("price-high", lowest, 1e300));
  return std::pair(lowest, highest);
}

}  // namespace bourse
