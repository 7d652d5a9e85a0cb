#include "bourse/program/program_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "bourse/program/runtime.h"
#include "bourse/program/type_name.h"

namespace bourse::program {

void ProgramGraph::abandon() {
  const std::lock_guard lock(mutex);
  is_abandoned = true;
  if (!runtime) let_go();
}

void ProgramGraph::end_run() {
  std::shared_ptr<Runtime> ended;  // goes after the lock
  const std::lock_guard lock(mutex);
  ended.swap(runtime);
  if (is_abandoned) let_go();
}

/// Requires mutex.
void ProgramGraph::let_go() {
  for (NodeSpec& node : nodes) {
    node.make = nullptr;
    node.make_foreign_calls = nullptr;
    node.run = nullptr;
  }
}

void ProgramGraph::add_spares() {
  std::vector<std::string> labels;
  for (const NodeSpec& node : nodes)
    if (std::ranges::find(labels, node.label) == labels.end()) labels.push_back(node.label);
  for (const std::string& label : labels) add_spares_of(label);
}

void ProgramGraph::add_spares_of(const std::string& label) {
  NodeSpec last;
  int count = 0;
  for (const NodeSpec& node : nodes)
    if (node.label == label) {
      last = node;
      ++count;
    }
  const NodeOptions& options = last.options;
  if (options.min_replicas < 0 || options.min_replicas > count)
    throw std::logic_error(fmt::format("group '{}' has {} nodes, fewer than its min_replicas, {}",
                                       label, count, options.min_replicas));
  if (options.max_replicas == 0 || options.max_replicas == count) return;
  if (options.min_replicas == 0)
    for (NodeSpec& node : nodes)
      if (node.label == label) node.options.min_replicas = last.options.min_replicas = count;
  if (options.max_replicas < count)
    throw std::logic_error(fmt::format("group '{}' has {} nodes, more than its max_replicas, {}",
                                       label, count, options.max_replicas));
  if (nodes_of_unit(last.unit).size() > 1)
    throw std::logic_error(fmt::format(
        "group '{}' has {} nodes and a max_replicas of {}; nodes that share a process cannot be "
        "copied, so add them all",
        label, count, options.max_replicas));
  last.is_spare = true;
  for (; count < options.max_replicas; ++count) {
    last.id = static_cast<std::uint32_t>(nodes.size());
    last.index = static_cast<std::uint32_t>(count);
    last.unit = unit_count++;
    nodes.push_back(last);
  }
}

bool ProgramGraph::is_elastic(std::string_view label) const {
  int count = 0;
  int least = 0;
  for (const NodeSpec& node : nodes) {
    if (node.label != label) continue;
    ++count;
    least = node.options.min_replicas;
  }
  return least > 0 && least < count;
}

std::vector<std::uint32_t> ProgramGraph::units_of(std::string_view label) const {
  std::vector<std::uint32_t> units;
  for (const NodeSpec& node : nodes)
    if (node.label == label && std::ranges::find(units, node.unit) == units.end())
      units.push_back(node.unit);
  return units;
}

std::string ProgramGraph::node_name(std::uint32_t node) const {
  if (node == kControlNode || node == kHostDeskNode) return "the launcher";
  return node < nodes.size() ? nodes[node].name() : "node " + std::to_string(node);
}

std::vector<const NodeSpec*> ProgramGraph::nodes_of_unit(std::uint32_t unit) const {
  std::vector<const NodeSpec*> found;
  for (const NodeSpec& node : nodes)
    if (node.unit == unit) found.push_back(&node);
  return found;
}

std::string ProgramGraph::unit_name(std::uint32_t unit) const {
  std::string names;
  for (const NodeSpec* const node : nodes_of_unit(unit))
    names += (names.empty() ? "" : "+") + node->name();
  return names;
}

std::uint64_t ProgramGraph::fingerprint() const {
  std::uint64_t hash = hash_of(name);
  for (const NodeSpec& node : nodes) {
    hash = hash_of(node.label, hash);
    hash = hash_of(node.class_name, hash);
    hash = hash_of(node.unit, hash);
    for (const std::uint32_t called : node.calls) hash = hash_of(called, hash);
  }
  return hash;
}

}  // namespace bourse::program
