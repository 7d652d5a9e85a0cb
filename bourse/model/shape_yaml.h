#pragma once

#include <string_view>

#include "bourse/base/error.h"
#include "bourse/model/throughput.h"
#include "bourse/model/utility.h"
#include "bourse/model/yaml.h"

namespace bourse {

/// The keys of a map that counts tasks by role.
inline constexpr std::string_view kTaskKeys[] = {"workers", "servers"};
/// What files call each Locality, in its order.
inline constexpr std::string_view kLocalityNames[] = {"machine", "rack", "cluster"};

/// Reads a map of exactly one shape of throughput (docs/files.md).
/// Errors: invalid_argument, with file, line and field.
[[nodiscard]] Result<Throughput> read_throughput(YamlField field);

/// Reads a number, or a map of exactly one shape of utility (docs/files.md).
/// Errors: invalid_argument, with file, line and field.
[[nodiscard]] Result<Utility> read_utility(YamlField field);

/// Reads a whole number of tasks in [low, kMaxWorkers]. Errors: also if the map lacks the key.
[[nodiscard]] Result<int> count_in(YamlField map, std::string_view key, int low);
/// The same from 0 on; `otherwise` if the map lacks the key.
[[nodiscard]] Result<int> count_in_or(YamlField map, std::string_view key, int otherwise);

}  // namespace bourse
