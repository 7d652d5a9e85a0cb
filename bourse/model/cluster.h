#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/id.h"
#include "bourse/model/resources.h"

namespace bourse {

/// Machines that are alike.
struct MachineClass {
  std::string name;
  ResourceVector capacity;  ///< One amount for each of Cluster::types.
  double speed = 1;  ///< Computing speed relative to the speed jobs declare; 2 halves the time.
};

struct Machine {
  std::uint32_t class_index = 0;  ///< Into Cluster::classes.
  std::uint32_t rack = 0;         ///< Machines of one rack share a faster network.
};

struct Cluster {
  ResourceTypes types;
  std::vector<MachineClass> classes;
  std::vector<Machine> machines;           ///< Indexed by MachineId.
  std::vector<std::string> machine_names;  ///< Likewise; empty: by class and position.
  std::uint32_t rack_count = 1;

  [[nodiscard]] const MachineClass& class_of(MachineId id) const {
    return classes[machines[id.index()].class_index];
  }
  [[nodiscard]] std::span<const Amount> capacity(MachineId id) const {
    return class_of(id).capacity;
  }
  /// Sum of all capacities.
  [[nodiscard]] ResourceVector total() const;
  /// Its name, or "v100-17": class and position within the cluster.
  [[nodiscard]] std::string machine_name(MachineId id) const;
};

/// Largest number of machines that a file or short form may state.
inline constexpr std::int64_t kMaxMachines = 1'000'000;

/// Parses the short form "256x8": 256 machines of 8 GPUs in one rack, with no other resource.
/// Errors: invalid_argument if it is not of this form, or there are no machines or no GPUs.
[[nodiscard]] Result<Cluster> parse_cluster_short_form(std::string_view text);

/// Reads a cluster in YAML (docs/files.md). `file` is the name used in messages.
/// Errors: invalid_argument, "file:line: field ...: what, what would be right".
[[nodiscard]] Result<Cluster> parse_cluster_yaml(std::string_view text, std::string_view file);

/// YAML that parse_cluster_yaml reads back as the same cluster, every line indented by `indent`.
/// Names of machines are left out.
[[nodiscard]] std::string cluster_yaml(const Cluster& cluster, int indent = 0);

/// The short form if the argument looks like one, else the YAML file of that path.
/// Errors: not_found if the file cannot be read; invalid_argument as above.
[[nodiscard]] Result<Cluster> load_cluster(const std::string& argument);

}  // namespace bourse
