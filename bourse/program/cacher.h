#pragma once

#include <memory>
#include <string>
#include <utility>

#include "bourse/program/program.h"

namespace bourse::program {

/// How long a cacher remembers, and how much.
struct CacheOptions {
  Nanoseconds lifetime = std::chrono::seconds(1);  ///< Of an answer.
  std::size_t most_answers = 10'000;               ///< The oldest goes when there are more.
};

/// The calls of a cacher; for add_cacher().
[[nodiscard]] std::unique_ptr<ForeignCalls> make_cacher(HandleCore target,
                                                        const std::type_info& node_class,
                                                        CacheOptions options);

/// A node that stands in for another of any class. Calls with the same method and arguments are
/// answered from memory as long as an answer lives; equal calls at the same time become one. Errors
/// are not remembered, nor are answers with large blocks.
template <class T>
Handle<T> add_cacher(Program& program, std::string label, const Handle<T>& target,
                     CacheOptions options = {}) {
  const NodeGroup group = program.group(std::move(label));
  NodeSpec& spec = program.add_spec(group, "cacher of " + std::string(type_name<T>()), &typeid(T));
  spec.calls = {target.node()};
  spec.make_foreign_calls = [core = target.core(), options] {
    return make_cacher(core, typeid(T), options);
  };
  return Handle<T>(HandleCore(program.graph(), spec.id));
}

}  // namespace bourse::program
