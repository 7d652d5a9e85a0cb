#pragma once

#include "bourse/base/error.h"
#include "bourse/model/cluster.h"
#include "bourse/model/resources.h"
#include "bourse/model/yaml.h"

namespace bourse {

/// Largest number of resource types in one file.
inline constexpr std::size_t kMaxResourceTypes = 32;

/// Reads a cluster from a map with the field `machines`, or from a short form.
/// Errors: invalid_argument, with file, line and field.
[[nodiscard]] Result<Cluster> read_cluster(YamlField field);

/// Reads a map of resource name to amount; new names are added to `types`. The result has one
/// amount for each type known by then; later types are the caller's to pad. Errors:
/// invalid_argument, with file, line and field.
[[nodiscard]] Result<ResourceVector> read_resources(YamlField field, ResourceTypes& types,
                                                    Rounding rounding);

/// "{gpu: 1, memory: 16GiB}"; types of which there is nothing are left out unless `all`.
[[nodiscard]] std::string resources_yaml(const ResourceTypes& types,
                                         std::span<const Amount> amounts, bool all);

}  // namespace bourse
