#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "bourse/program/handle.h"

namespace bourse::program {

/// The nodes of a group, called together.
template <class T>
class Handles {
 public:
  Handles() = default;
  explicit Handles(std::vector<Handle<T>> nodes, bool is_group = false)
      : nodes_(std::move(nodes)), is_group_(is_group) {}

  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  [[nodiscard]] const Handle<T>& operator[](std::size_t index) const { return nodes_[index]; }
  [[nodiscard]] auto begin() const { return nodes_.begin(); }
  [[nodiscard]] auto end() const { return nodes_.end(); }

  /// Those that are part of the program now. Only of a group whose size may change are they others
  /// than these; what calls a group together calls these.
  [[nodiscard]] Handles present() const {
    if (!is_group_ || nodes_.empty()) return *this;
    const auto ids = nodes_.front().core().present_group();
    if (!ids) return *this;
    Handles now;
    now.turn_ = turn_;
    for (const std::uint32_t id : *ids)
      now.nodes_.push_back(Handle<T>(nodes_.front().core().of_node(id)));
    return now;
  }

  /// Every node: answers in the order of the nodes; the first failure fails it.
  struct All {
    const Handles& nodes;

    template <auto Method, class... A>
    auto async(const A&... arguments) const {
      return when_all(nodes.template futures<Method>(arguments...));
    }
    template <auto Method, class... A>
    auto call(const A&... arguments) const {
      return async<Method>(arguments...).get();
    }
  };
  [[nodiscard]] All all() const { return {*this}; }

  /// Every node: the first `k` answers, in the order in which they came; the rest is cancelled.
  struct FirstK {
    const Handles& nodes;
    std::size_t k;

    template <auto Method, class... A>
    auto async(const A&... arguments) const {
      return when_k(nodes.template futures<Method>(arguments...), k);
    }
    template <auto Method, class... A>
    auto call(const A&... arguments) const {
      return async<Method>(arguments...).get();
    }
  };
  [[nodiscard]] FirstK first_k(std::size_t k) const { return {*this, k}; }

  /// Every node: the first answer, and which node gave it.
  struct Any {
    const Handles& nodes;

    template <auto Method, class... A>
    auto async(const A&... arguments) const {
      return when_any(nodes.template futures<Method>(arguments...));
    }
    template <auto Method, class... A>
    auto call(const A&... arguments) const {
      return async<Method>(arguments...).get();
    }
  };
  [[nodiscard]] Any any() const { return {*this}; }

  /// One node after the other, over all copies of these handles in this process.
  [[nodiscard]] Handle<T> rotate() const {
    const std::size_t turn = turn_->fetch_add(1, std::memory_order_relaxed);
    if (!is_group_) return nodes_[turn % nodes_.size()];
    const Handles now = present();
    return now.nodes_[turn % now.nodes_.size()];
  }

  /// op(op(first, second), third) ... of the answers of all nodes, in the order of the nodes.
  template <auto Method, class Op, class... A>
  auto reduce(Op op, const A&... arguments) const {
    auto answers = all().template call<Method>(arguments...);
    if (answers.empty())
      throw CallError(CallCode::failed_precondition, "reduce() over a group without nodes");
    auto result = std::move(answers.front());
    for (std::size_t i = 1; i < answers.size(); ++i)
      result = op(std::move(result), std::move(answers[i]));
    return result;
  }

  /// The same nodes, each changed, e.g. [](auto h) { return h.timeout(50ms); }.
  template <class Change>
  [[nodiscard]] Handles with(Change change) const {
    Handles changed = *this;
    for (Handle<T>& node : changed.nodes_) node = change(node);
    return changed;
  }

  template <class Archive>
  void serialize(Archive& archive) {
    archive(nodes_, is_group_);
  }

 private:
  template <auto Method, class... A>
  [[nodiscard]] auto futures(const A&... arguments) const {
    using Result = typename MethodTypes<decltype(Method)>::Result;
    std::vector<Future<Result>> started;
    const Handles now = present();
    started.reserve(now.size());
    for (const Handle<T>& node : now) started.push_back(node.template async<Method>(arguments...));
    return started;
  }

  std::vector<Handle<T>> nodes_;
  bool is_group_ = false;  ///< All nodes that were added to a group.
  /// Owned by all copies, which take turns together.
  std::shared_ptr<std::atomic<std::size_t>> turn_ = std::make_shared<std::atomic<std::size_t>>(0);
};

}  // namespace bourse::program
