#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bourse/program/context.h"
#include "bourse/program/deadline.h"
#include "bourse/program/future_core.h"
#include "bourse/program/method.h"

namespace bourse::program {

struct ProgramGraph;
class NodeHost;
class Runtime;

/// How calls through a handle are made.
struct CallSettings {
  Nanoseconds timeout{};  ///< 0: that of RunOptions. The caller's own deadline holds in any case.
  std::uint8_t priority = 0;
  bool fails_fast = false;
  bool is_idempotent = false;
};

/// What handles of all classes share.
class HandleCore {
 public:
  HandleCore() = default;
  HandleCore(std::shared_ptr<ProgramGraph> graph, std::uint32_t node)
      : graph_(std::move(graph)), node_(node) {}
  /// A node of the program that this thread works for; for handles that arrive as values.
  [[nodiscard]] static HandleCore of_this_program(std::uint32_t node);

  [[nodiscard]] std::uint32_t node() const { return node_; }
  [[nodiscard]] std::string name() const;
  /// How often the process of the node had been started before, as of the last answer.
  [[nodiscard]] std::uint32_t incarnation() const;
  /// The nodes of its group that are part of the program now, if that group is elastic.
  [[nodiscard]] std::optional<std::vector<std::uint32_t>> present_group() const;
  [[nodiscard]] HandleCore of_node(std::uint32_t node) const {
    HandleCore other = *this;
    other.node_ = node;
    return other;
  }
  [[nodiscard]] bool is_empty() const { return graph_ == nullptr; }

  CallSettings settings;

  /// Where a call goes, and by when it must be answered.
  struct Site {
    std::shared_ptr<Runtime> kept;  ///< Keeps the runtime for a thread that is not of the program.
    Runtime* runtime = nullptr;
    NodeHost* host = nullptr;  ///< Set if the call goes by memory.
    Deadline deadline = kNoDeadline;
    /// True if the caller may run the handler itself.
    bool is_direct = false;
  };
  [[nodiscard]] Site site() const;
  /// Sends a call; `core` gets the answer.
  void start(const Site& site, const MethodInfo& method, Message arguments,
             const std::shared_ptr<FutureCore>& core) const;

 private:
  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program and all its handles.
  std::uint32_t node_ = 0;
};

/// A call that this thread makes itself, on a node of this process. Waits for its turn.
class DirectCall {
 public:
  DirectCall(const HandleCore::Site& site, const MethodInfo& method);
  ~DirectCall();
  DirectCall(const DirectCall&) = delete;
  DirectCall& operator=(const DirectCall&) = delete;

  [[nodiscard]] void* object() const;
  /// Throws the exception that is being handled as the caller is to see it.
  [[noreturn]] void rethrow() const;

 private:
  NodeHost& host_;
  const MethodInfo& method_;
  EdgeCounter& edge_;
  Deadline began_;
  mutable bool has_failed_ = false;
  ChainLink link_;
  CallContext outer_;
};

}  // namespace bourse::program
