#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace bourse {

/// A dense index that cannot be mistaken for another kind of index: JobId is not MachineId.
/// Ids start at 0 and have no gaps, so that a std::vector is the map from id to value.
template <class Tag>
struct Id {
  std::uint32_t value = std::numeric_limits<std::uint32_t>::max();

  constexpr Id() = default;
  constexpr explicit Id(std::uint32_t v) : value(v) {}
  constexpr explicit Id(std::size_t v) : value(static_cast<std::uint32_t>(v)) {}

  [[nodiscard]] constexpr std::size_t index() const { return value; }
  /// False only for a default-constructed id.
  [[nodiscard]] constexpr bool valid() const {
    return value != std::numeric_limits<std::uint32_t>::max();
  }
  friend constexpr auto operator<=>(Id, Id) = default;
};

using JobId = Id<struct JobTag>;          ///< Position in Workload::jobs.
using MachineId = Id<struct MachineTag>;  ///< Position in Cluster::machines.

}  // namespace bourse
