#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/slurm_commands.h"
#include "bourse/model/cluster.h"

namespace bourse {

/// What the engine keeps over its lives in `slurm.json`: positions of machines are in the journal,
/// so a node keeps its own for ever, and what it had if Slurm does not list it any more.
struct SlurmMemory {
  std::string key;               ///< In the names of our jobs; another for every state directory.
  std::uint16_t port = 0;        ///< Agents know it; 0: not chosen yet.
  std::vector<SlurmNode> nodes;  ///< By MachineId; what they have, not what they do.
};
[[nodiscard]] std::string slurm_memory_text(const SlurmMemory& memory);
/// Errors: data_corrupted or invalid_argument, naming the field.
[[nodiscard]] Result<SlurmMemory> parse_slurm_memory(std::string_view text);

/// Adds nodes that are new at the end, and takes note of what the others have now.
void remember_nodes(SlurmMemory& memory, const std::vector<SlurmNode>& nodes);

/// A machine for each node that is remembered: gpu, cpu, memory, and what else gres counts.
/// Machines that are alike are of one class, which has the name of their GPUs, if they have one.
[[nodiscard]] Cluster cluster_of(const SlurmMemory& memory);

/// What a node has, in the order of these types. Types that it lacks: 0.
[[nodiscard]] ResourceVector capacity_of(const SlurmNode& node, const ResourceTypes& types);
/// What jobs hold of it, whoever runs them.
[[nodiscard]] ResourceVector allocated_of(const SlurmNode& node, const ResourceTypes& types);

/// The submission of a cell with this demand: parts of devices and processors are rounded up, and
/// what a job does not name gets the least that Slurm can be asked for.
[[nodiscard]] SlurmSubmission submission_of(const CellSpec& cell, const ResourceTypes& types);
/// What Slurm takes for a cell, which may be more than its demand.
[[nodiscard]] ResourceVector taken_by(const SlurmSubmission& submission,
                                      const ResourceTypes& types);

/// Which of the nodes of a partition are ours: all, or a share of them, rounded up.
struct SlurmShare {
  std::string nodes;                  ///< "n[1-4],n7"; empty: all.
  std::vector<std::string> features;  ///< Of those, the ones that have all of these.
  double of_nodes = 1;                ///< In (0, 1]: of those, in Slurm's order.
};

/// Asks Slurm for the nodes. Errors: as SlurmCommands; not_found if there are none, or no
/// such partition.
void discover_nodes(SlurmCommands& commands, const SlurmShare& share,
                    SlurmCommands::Done<std::vector<SlurmNode>> done);

}  // namespace bourse
