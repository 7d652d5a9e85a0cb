#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// How much of one resource: thousandths of its unit, as an integer, so that sums are exact and ten
/// demands of 0.1 GPU fill one GPU. The unit is one device for a counted resource (gpu, cpu) and
/// one MiB for a resource in bytes (memory, storage).
using Amount = std::int64_t;
inline constexpr Amount kAmountsPerUnit = 1000;
/// Largest amount a file may state; ten thousand machines of it still add up without overflow.
inline constexpr Amount kMaxAmount = Amount{1} << 48;

/// How a resource is counted, and which unit its amounts have.
enum class ResourceKind { count, bytes };

/// What can run out on a machine.
struct ResourceType {
  std::string name;  ///< "gpu", "cpu", "memory", or any other word.
  ResourceKind kind = ResourceKind::count;
  friend bool operator==(const ResourceType&, const ResourceType&) = default;
};

/// One amount for each resource type of a table, in the table's order.
using ResourceVector = std::vector<Amount>;

/// The resource types in use. The position of a type is its index in every ResourceVector.
class ResourceTypes {
 public:
  [[nodiscard]] std::size_t size() const { return types_.size(); }
  [[nodiscard]] const ResourceType& operator[](std::size_t index) const { return types_[index]; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// The index of the type, which is added if it is new.
  /// Errors: invalid_argument if it is there with another kind.
  [[nodiscard]] Result<std::size_t> add(std::string_view name, ResourceKind kind);
  friend bool operator==(const ResourceTypes&, const ResourceTypes&) = default;

 private:
  std::vector<ResourceType> types_;
};

/// Reads "4", "0.5" (a count) or "4GiB" (bytes). A demand is rounded up to a representable amount,
/// a capacity down, so that nothing fits that should not. Errors: invalid_argument if it is
/// negative, not a number, or above kMaxAmount.
enum class Rounding { up, down };
struct ParsedAmount {
  Amount amount = 0;
  ResourceKind kind = ResourceKind::count;
};
[[nodiscard]] Result<ParsedAmount> parse_amount(std::string_view text, Rounding rounding);

/// Text that parse_amount reads back as the same amount.
[[nodiscard]] std::string amount_text(Amount amount, ResourceKind kind);

/// True if `free` covers `count` times `demand` in every type.
[[nodiscard]] bool fits(std::span<const Amount> demand, std::span<const Amount> free,
                        std::int64_t count = 1);

/// How many whole `demand`s fit into `free`; at most `limit`. A demand of nothing fits `limit`
/// times, but nothing at all fits where an amount is negative (a machine that is down).
[[nodiscard]] std::int64_t count_that_fits(std::span<const Amount> demand,
                                           std::span<const Amount> free, std::int64_t limit);

/// free -= count * demand (count may be negative).
void take(std::span<Amount> free, std::span<const Amount> demand, std::int64_t count);

}  // namespace bourse
