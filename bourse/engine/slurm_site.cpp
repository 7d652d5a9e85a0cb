#include "bourse/engine/slurm_site.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

/// Memory of a cell whose job names none, MiB.
constexpr std::int64_t kMemoryIfUnsaid = 1024;
constexpr std::uint64_t kLargestPort = 65535;
constexpr std::uint64_t kMostRemembered = std::uint64_t{1} << 30;

/// Of a resource by its name; nothing if Slurm's nodes have none of that name.
Amount amount_in(const ResourceType& type, std::int64_t cpus, std::int64_t memory_mib,
                 const std::map<std::string, std::int64_t>& gres) {
  if (type.name == "cpu") return cpus * kAmountsPerUnit;
  if (type.name == "memory") return memory_mib * kAmountsPerUnit;
  const auto found = gres.find(type.name);
  return found == gres.end() ? 0 : found->second * kAmountsPerUnit;
}

std::int64_t rounded_up(Amount amount) { return (amount + kAmountsPerUnit - 1) / kAmountsPerUnit; }

/// "a100", "cpu", and "a100-b" for a second class of that name.
std::string class_name(const SlurmNode& node, std::map<std::string, int>& used) {
  std::string name = !node.gpu_type.empty()      ? node.gpu_type
                     : node.gres.contains("gpu") ? "gpu"
                                                 : "cpu";
  const int count = used[name]++;
  return count == 0 ? name : fmt::format("{}-{}", name, count + 1);
}

bool has_all(const SlurmNode& node, const std::vector<std::string>& features) {
  return std::ranges::all_of(features, [&](const std::string& feature) {
    return std::ranges::find(node.features, feature) != node.features.end();
  });
}

Result<SlurmNode> read_node(const nlohmann::json& json) {
  SlurmNode node;
  if (!json.is_object()) return invalid("field 'nodes' must be a list of objects");
  BOURSE_TRY(node.name, text_field(json, "name"));
  BOURSE_TRY(const std::uint64_t cpus, whole_field(json, "cpus", kMostRemembered));
  node.cpus = static_cast<std::int64_t>(cpus);
  BOURSE_TRY(const std::uint64_t memory, whole_field(json, "memory_mib", kMostRemembered));
  node.memory_mib = static_cast<std::int64_t>(memory);
  BOURSE_TRY(node.gpu_type, text_field(json, "gpu_type"));
  const auto gres = json.find("gres");
  if (gres == json.end() || !gres->is_object()) return invalid("field 'gres' must be an object");
  for (const auto& [name, count] : gres->items()) {
    BOURSE_TRY(const std::uint64_t number, whole_field(*gres, name.c_str(), kMostRemembered));
    node.gres[name] = static_cast<std::int64_t>(number);
  }
  return node;
}

}  // namespace

std::string slurm_memory_text(const SlurmMemory& memory) {
  nlohmann::json nodes = nlohmann::json::array();
  for (const SlurmNode& node : memory.nodes)
    nodes.push_back({{"name", node.name},
                     {"cpus", node.cpus},
                     {"memory_mib", node.memory_mib},
                     {"gres", node.gres},
                     {"gpu_type", node.gpu_type}});
  return json_text(nlohmann::json{
             {"key", memory.key}, {"port", memory.port}, {"nodes", std::move(nodes)}}) +
         "\n";
}

Result<SlurmMemory> parse_slurm_memory(std::string_view text) {
  SlurmMemory memory;
  BOURSE_TRY(const nlohmann::json json, parse_object(text));
  BOURSE_TRY(memory.key, text_field(json, "key"));
  BOURSE_TRY(const std::uint64_t port, whole_field(json, "port", kLargestPort));
  memory.port = static_cast<std::uint16_t>(port);
  BOURSE_TRY(const nlohmann::json* const nodes, list_field(json, "nodes"));
  for (const nlohmann::json& entry : *nodes) {
    BOURSE_TRY(SlurmNode node, read_node(entry));
    memory.nodes.push_back(std::move(node));
  }
  return memory;
}

void remember_nodes(SlurmMemory& memory, const std::vector<SlurmNode>& nodes) {
  std::map<std::string, std::size_t> known;
  for (std::size_t at = 0; at < memory.nodes.size(); ++at) known[memory.nodes[at].name] = at;
  for (const SlurmNode& node : nodes) {
    const auto [at, is_new] = known.emplace(node.name, memory.nodes.size());
    if (is_new)
      memory.nodes.push_back(node);
    else
      memory.nodes[at->second] = node;
  }
}

Cluster cluster_of(const SlurmMemory& memory) {
  Cluster cluster;
  std::set<std::string> gres;
  for (const SlurmNode& node : memory.nodes)
    for (const auto& [name, count] : node.gres) gres.insert(name);
  const auto add_type = [&](const std::string& name, ResourceKind kind) {
    BOURSE_CHECK(cluster.types.add(name, kind).has_value());
  };
  if (gres.erase("gpu") > 0) add_type("gpu", ResourceKind::count);
  add_type("cpu", ResourceKind::count);
  add_type("memory", ResourceKind::bytes);
  for (const std::string& name : gres)
    if (name != "cpu" && name != "memory") add_type(name, ResourceKind::count);

  std::map<std::pair<ResourceVector, std::string>, std::uint32_t> classes;
  std::map<std::string, int> names;
  for (const SlurmNode& node : memory.nodes) {
    const ResourceVector capacity = capacity_of(node, cluster.types);
    const auto [at, is_new] = classes.emplace(std::pair(capacity, node.gpu_type),
                                              static_cast<std::uint32_t>(cluster.classes.size()));
    if (is_new) cluster.classes.push_back({.name = class_name(node, names), .capacity = capacity});
    cluster.machines.push_back({.class_index = at->second});
    cluster.machine_names.push_back(node.name);
  }
  return cluster;
}

ResourceVector capacity_of(const SlurmNode& node, const ResourceTypes& types) {
  ResourceVector amounts;
  for (std::size_t r = 0; r < types.size(); ++r)
    amounts.push_back(amount_in(types[r], node.cpus, node.memory_mib, node.gres));
  return amounts;
}

ResourceVector allocated_of(const SlurmNode& node, const ResourceTypes& types) {
  ResourceVector amounts;
  for (std::size_t r = 0; r < types.size(); ++r)
    amounts.push_back(
        amount_in(types[r], node.cpus_allocated, node.memory_allocated_mib, node.gres_used));
  return amounts;
}

SlurmSubmission submission_of(const CellSpec& cell, const ResourceTypes& types) {
  SlurmSubmission job;
  job.memory_mib = kMemoryIfUnsaid;
  for (std::size_t r = 0; r < types.size() && r < cell.demand.size(); ++r) {
    const std::int64_t count = rounded_up(cell.demand[r]);
    if (types[r].name == "cpu")
      job.cpus = std::max<std::int64_t>(1, count);
    else if (types[r].name == "memory")
      job.memory_mib = count > 0 ? count : kMemoryIfUnsaid;
    else if (count > 0)
      job.gres[types[r].name] = count;
  }
  return job;
}

ResourceVector taken_by(const SlurmSubmission& submission, const ResourceTypes& types) {
  ResourceVector amounts;
  for (std::size_t r = 0; r < types.size(); ++r)
    amounts.push_back(amount_in(types[r], submission.cpus, submission.memory_mib, submission.gres));
  return amounts;
}

void discover_nodes(SlurmCommands& commands, const SlurmShare& share,
                    SlurmCommands::Done<std::vector<SlurmNode>> done) {
  commands.nodes(share.nodes, [share, partition = commands.options().access.partition,
                               done = std::move(done)](Result<std::vector<SlurmNode>> nodes) {
    if (!nodes) return done(std::move(nodes));
    std::erase_if(*nodes, [&](const SlurmNode& node) { return !has_all(node, share.features); });
    if (nodes->empty())
      return done(fail(ErrorCode::not_found,
                       fmt::format("Slurm lists no nodes{}{}{}",
                                   partition.empty() ? "" : " in partition " + partition,
                                   share.nodes.empty() ? "" : " among " + share.nodes,
                                   share.features.empty()
                                       ? ""
                                       : fmt::format(" with {}", fmt::join(share.features, ",")))));
    const double count = std::ceil(share.of_nodes * static_cast<double>(nodes->size()) - 1e-9);
    nodes->resize(std::min(nodes->size(), static_cast<std::size_t>(std::max(1.0, count))));
    done(std::move(nodes));
  });
}

}  // namespace bourse
