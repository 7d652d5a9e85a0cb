#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "bourse/program/call_task.h"
#include "bourse/program/handle.h"
#include "bourse/program/handles.h"
#include "bourse/program/node_options.h"
#include "bourse/program/program_graph.h"
#include "bourse/program/type_name.h"

namespace bourse::program {

/// A constructor argument that is made in the process of the node, and nowhere else.
template <class F>
struct Deferred {
  F make;
};
template <class F>
[[nodiscard]] Deferred<F> deferred(F make) {
  return {std::move(make)};
}

/// A constructor argument as the constructor takes it.
template <class X>
[[nodiscard]] decltype(auto) made_argument(const X& x) {
  if constexpr (kIsInstance<X, Deferred>)
    return x.make();
  else
    return X(x);
}

/// Adds the nodes of all handles within an argument, as far as they can be seen: in containers and
/// aggregates, not in the private members of classes.
template <class X>
void collect_handles(const X& x, std::vector<std::uint32_t>& nodes) {
  if constexpr (HandleLike<X>) {
    if (x) nodes.push_back(x.node());
  } else if constexpr (kIsInstance<X, Handles>) {
    for (std::size_t i = 0; i < x.size(); ++i) nodes.push_back(x[i].node());
  } else if constexpr (kIsInstance<X, std::vector>) {
    for (const auto& element : x) collect_handles(element, nodes);
  } else if constexpr (MapLike<X>) {
    for (const auto& [key, value] : x) collect_handles(value, nodes);
  } else if constexpr (kIsInstance<X, std::optional>) {
    if (x) collect_handles(*x, nodes);
  } else if constexpr (kIsInstance<X, std::pair> || kIsInstance<X, std::tuple> || kIsArray<X>) {
    std::apply([&](const auto&... part) { (collect_handles(part, nodes), ...); }, x);
  } else if constexpr (!kIsInstance<X, Deferred> && has_known_members<X>()) {
    with_members(x, [&](const auto&... member) { (collect_handles(member, nodes), ...); });
  }
}

class Program;

/// Adds nodes of one label. Copies of a group, and groups of the same label, add to the same nodes.
class NodeGroup {
 public:
  /// A node of class T, made from copies of the arguments in its own process. If T has a run(), it
  /// is called once the node is there, on a thread of its own.
  template <class T, class... A>
  Handle<T> add(A&&... arguments);
  /// `count` of them.
  template <class T, class... A>
  Handles<T> add_n(std::size_t count, const A&... arguments);
  /// A node that is one function: f(arguments...), run once.
  template <class F, class... A>
  void run(F f, A&&... arguments);
  /// A node whose arguments are given later, by Program::configure(): for nodes that call each
  /// other.
  template <class T>
  Handle<T> declare();

 private:
  friend class Program;
  friend class Colocation;
  NodeGroup(Program& program, std::string label, NodeOptions options, std::uint32_t unit);

  Program& program_;
  std::string label_;
  NodeOptions options_;
  std::uint32_t unit_;  ///< kNoNode: a process for each node.
};

/// Nodes that share a process, and call each other without a socket.
class Colocation {
 public:
  [[nodiscard]] NodeGroup group(std::string label, NodeOptions options = {});
  template <class T, class... A>
  Handle<T> add(std::string label, A&&... arguments) {
    return group(std::move(label)).template add<T>(std::forward<A>(arguments)...);
  }

 private:
  friend class Program;
  Colocation(Program& program, std::uint32_t unit) : program_(program), unit_(unit) {}
  Program& program_;
  std::uint32_t unit_;
};

/// A distributed program: nodes, and who calls whom. It is code: every process of the program runs
/// main() up to launch() and then makes its own nodes, so that constructor arguments of any type
/// do, and none is serialised. main() must build the same program in every process.
class Program {
 public:
  /// Errors: std::invalid_argument for an empty name.
  explicit Program(std::string name);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] const std::string& name() const { return graph_->name; }
  [[nodiscard]] const std::deque<NodeSpec>& nodes() const { return graph_->nodes; }

  /// Errors: std::invalid_argument for a label that is not letters, digits, '_', '-' or '.'.
  [[nodiscard]] NodeGroup group(std::string label, NodeOptions options = {});
  [[nodiscard]] Colocation colocate();
  template <class T, class... A>
  Handle<T> add(std::string label, A&&... arguments) {
    return group(std::move(label)).template add<T>(std::forward<A>(arguments)...);
  }
  template <class F, class... A>
  void run(std::string label, F f, A&&... arguments) {
    group(std::move(label)).run(std::move(f), std::forward<A>(arguments)...);
  }
  /// Gives a node new arguments, in the place of those it has.
  template <class T, class... A>
  void configure(const Handle<T>& node, A&&... arguments) {
    set_arguments<T, T>(graph_->nodes[node.node()], std::forward<A>(arguments)...);
  }
  /// Has a Fake, made from these arguments, stand in for a node: calls reach the virtual methods of
  /// T that it overrides. For tests of a part of a program.
  template <class Fake, class T, class... A>
  void substitute(const Handle<T>& node, A&&... arguments) {
    static_assert(std::is_base_of_v<T, Fake> && std::has_virtual_destructor_v<T>,
                  "bourse::program: a stand-in is of a class derived from that of the node, which "
                  "needs virtual methods and a virtual destructor");
    set_arguments<T, Fake>(graph_->nodes[node.node()], std::forward<A>(arguments)...);
  }

  /// What a scheduler needs to know: units with resources, roles and replicas, and who calls whom.
  [[nodiscard]] std::string spec_json() const;
  [[nodiscard]] const std::shared_ptr<ProgramGraph>& graph() const { return graph_; }

  /// For what adds kinds of nodes of its own.
  NodeSpec& add_spec(const NodeGroup& group, std::string class_name,
                     const std::type_info* node_class);

 private:
  friend class NodeGroup;

  template <class T, class Made, class... A>
  void set_arguments(NodeSpec& spec, A&&... arguments) {
    static_assert(
        requires(const std::decay_t<A>&... argument) { Made(made_argument(argument)...); },
        "bourse::program: the class of the node has no constructor for these arguments");
    std::tuple<std::decay_t<A>...> kept(std::forward<A>(arguments)...);
    spec.calls.clear();
    std::apply([&](const auto&... x) { (collect_handles(x, spec.calls), ...); }, kept);
    spec.make = [kept = std::move(kept)] {
      return std::apply(
          [](const auto&... x) -> std::shared_ptr<void> {
            return std::shared_ptr<T>(new Made(made_argument(x)...));
          },
          kept);
    };
  }

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by us and by handles.
};

/// Below: what templates are made of.
template <class T, class... A>
Handle<T> NodeGroup::add(A&&... arguments) {
  const Handle<T> handle = declare<T>();
  program_.configure(handle, std::forward<A>(arguments)...);
  return handle;
}

/// A node without arguments, as yet.
template <class T>
Handle<T> NodeGroup::declare() {
  NodeSpec& spec = program_.add_spec(*this, std::string(type_name<T>()), &typeid(T));
  if constexpr (requires(T& node) { node.run(); })
    if (options_.calls_run) spec.run = [](void* object) { static_cast<T*>(object)->run(); };
  return Handle<T>(HandleCore(program_.graph(), spec.id));
}

/// Each with copies of the same arguments.
template <class T, class... A>
Handles<T> NodeGroup::add_n(std::size_t count, const A&... arguments) {
  std::vector<Handle<T>> added;
  for (std::size_t i = 0; i < count; ++i) added.push_back(add<T>(arguments...));
  return Handles<T>(std::move(added), true);
}

/// f and its arguments are kept until the node runs.
template <class F, class... A>
void NodeGroup::run(F f, A&&... arguments) {
  static_assert(
      requires(const std::decay_t<A>&... x) { f(made_argument(x)...); },
      "bourse::program: the function of the node does not take these arguments");
  NodeSpec& spec = program_.add_spec(*this, "function", nullptr);
  std::tuple<std::decay_t<A>...> kept(std::forward<A>(arguments)...);
  std::apply([&](const auto&... x) { (collect_handles(x, spec.calls), ...); }, kept);
  spec.run = [f = std::move(f), kept = std::move(kept)](void*) mutable {
    std::apply([&](const auto&... x) { f(made_argument(x)...); }, kept);
  };
}

}  // namespace bourse::program
