#include "bourse/model/resources.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr double kBytesPerUnit = 1048576.0;

/// Whole numbers that a product of decimals misses by a rounding error count as whole.
double rounded(double exact, Rounding rounding) {
  const double nearest = std::nearbyint(exact);
  if (std::abs(exact - nearest) <= 1e-9 * std::max(1.0, std::abs(exact))) return nearest;
  return rounding == Rounding::up ? std::ceil(exact) : std::floor(exact);
}

}  // namespace

std::optional<std::size_t> ResourceTypes::find(std::string_view name) const {
  for (std::size_t i = 0; i < types_.size(); ++i)
    if (types_[i].name == name) return i;
  return std::nullopt;
}

Result<std::size_t> ResourceTypes::add(std::string_view name, ResourceKind kind) {
  if (const auto index = find(name)) {
    if (types_[*index].kind != kind)
      return invalid(kind == ResourceKind::count
                         ? fmt::format("resource '{}' needs a unit of size, such as 4GiB", name)
                         : fmt::format("resource '{}' is a count and takes no unit", name));
    return *index;
  }
  types_.push_back({std::string(name), kind});
  return types_.size() - 1;
}

Result<ParsedAmount> parse_amount(std::string_view text, Rounding rounding) {
  const auto number = parse_number(text);
  double units = 0;
  ParsedAmount parsed;
  if (number) {
    units = *number;
  } else {
    const auto bytes = parse_bytes(text);
    if (!bytes) return tl::unexpected<Error>(bytes.error());
    units = bytes->value / kBytesPerUnit;
    parsed.kind = ResourceKind::bytes;
  }
  if (units < 0) return invalid(fmt::format("'{}' is negative", text));
  const double exact = rounded(units * static_cast<double>(kAmountsPerUnit), rounding);
  if (exact > static_cast<double>(kMaxAmount))
    return invalid(fmt::format("'{}' is more than a machine can have", text));
  parsed.amount = static_cast<Amount>(exact);
  return parsed;
}

std::string amount_text(Amount amount, ResourceKind kind) {
  const double units = static_cast<double>(amount) / static_cast<double>(kAmountsPerUnit);
  if (kind == ResourceKind::count) return number_text(units);
  if (amount % kAmountsPerUnit == 0) return to_text(Bytes(units * kBytesPerUnit));
  return number_text(units) + "MiB";
}

bool fits(std::span<const Amount> demand, std::span<const Amount> free, std::int64_t count) {
  for (std::size_t r = 0; r < demand.size(); ++r)
    if (demand[r] * count > free[r]) return false;
  return true;
}

std::int64_t count_that_fits(std::span<const Amount> demand, std::span<const Amount> free,
                             std::int64_t limit) {
  std::int64_t count = limit;
  for (std::size_t r = 0; r < demand.size(); ++r) {
    if (free[r] < 0) return 0;
    if (demand[r] > 0) count = std::min(count, free[r] / demand[r]);
  }
  return count;
}

void take(std::span<Amount> free, std::span<const Amount> demand, std::int64_t count) {
  for (std::size_t r = 0; r < demand.size(); ++r) free[r] -= demand[r] * count;
}

}  // namespace bourse
