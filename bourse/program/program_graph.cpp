#include "bourse/program/program_graph.h"

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

std::string ProgramGraph::node_name(std::uint32_t node) const {
  if (node == kControlNode) return "the launcher";
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
