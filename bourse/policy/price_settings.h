#pragma once

#include <optional>
#include <utility>

#include "bourse/base/error.h"

namespace bourse {

class SettingsReader;

/// The parameters `price-low` and `price-high` of a policy that prices: the lowest and the highest
/// price of a unit of every resource, or nothing if both are auto.
/// Errors: invalid_argument if only one is set, or a value is out of its range.
[[nodiscard]] Result<std::optional<std::pair<double, double>>> read_fixed_bounds(
    const SettingsReader& settings);

}  // namespace bourse
