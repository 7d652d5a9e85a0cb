#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "bourse/program/node_options.h"

namespace bourse::program {

class ForeignCalls;
class Runtime;

/// A node as main() describes it. Nothing of it travels: every process of the program describes the
/// same nodes, and makes those it runs.
struct NodeSpec {
  std::uint32_t id = 0;
  std::string label;
  std::uint32_t index = 0;  ///< Position among the nodes of its label.
  std::uint32_t unit = 0;   ///< Nodes of one unit share a process.
  std::string class_name;
  const std::type_info* node_class = nullptr;  ///< Null for a function.
  NodeOptions options;
  std::vector<std::uint32_t> calls;             ///< Nodes whose handles it was given.
  std::function<std::shared_ptr<void>()> make;  ///< Null for a function.
  std::function<void(void*)> run;               ///< Null for a node that only serves.
  bool is_spare = false;  ///< Not there when the program starts: its group may grow.
  /// Set for a node that stands in for another.
  std::function<std::unique_ptr<ForeignCalls>()> make_foreign_calls;

  /// True if the program is to wait for its end.
  [[nodiscard]] bool is_runner() const { return run && !options.is_daemon; }
  /// "worker/3".
  [[nodiscard]] std::string name() const { return label + "/" + std::to_string(index); }
};

/// All nodes of a program, and the part of it that this process runs.
struct ProgramGraph {
  std::string name;
  std::deque<NodeSpec> nodes;  ///< By id; a deque, so that nodes stay where they are.
  std::uint32_t unit_count = 0;

  std::mutex mutex;
  std::shared_ptr<Runtime> runtime;  ///< Null unless it runs. Guarded by mutex.

  /// True once main() has no Program any more. Guarded by mutex.
  bool is_abandoned = false;

  /// What nodes are made from holds handles, and these hold us: lets go of it when nobody can make
  /// a node any more. By the program when it goes, and by its run when that ends.
  void abandon();
  void end_run();

  /// Adds copies of the last node of each group that may have more than were added. Throws
  /// std::logic_error for sizes that contradict each other.
  void add_spares();
  /// True if the number of nodes of this label may change while the program runs.
  [[nodiscard]] bool is_elastic(std::string_view label) const;
  /// Units of the nodes of a label, in order.
  [[nodiscard]] std::vector<std::uint32_t> units_of(std::string_view label) const;

  [[nodiscard]] std::string node_name(std::uint32_t node) const;
  [[nodiscard]] std::vector<const NodeSpec*> nodes_of_unit(std::uint32_t unit) const;
  /// Names of all nodes of a unit, e.g. "actor/0+critic/0".
  [[nodiscard]] std::string unit_name(std::uint32_t unit) const;
  /// The same number in two processes if they describe the same nodes.
  [[nodiscard]] std::uint64_t fingerprint() const;

 private:
  void let_go();
  void add_spares_of(const std::string& label);
};

}  // namespace bourse::program
