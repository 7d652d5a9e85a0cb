#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bourse/program/context.h"
#include "bourse/program/future_core.h"
#include "bourse/program/method.h"

namespace bourse::program {

class NodeHost;

/// Something that waits for its turn at a node.
class QueuedTurn {
 public:
  virtual ~QueuedTurn() = default;
  /// Uses the turn. False if it passes to somebody else, who will give it back.
  virtual bool run(NodeHost& host) = 0;
  /// There will be no turn.
  virtual void refuse(const CallError& why) = 0;
  [[nodiscard]] virtual bool is_for(const Cancellation&) const { return false; }
  /// Null if it is no call.
  [[nodiscard]] virtual const MethodInfo* called_method() const { return nullptr; }
};

/// A call as it arrives at a node. `method` is null for a node that takes the calls of others.
struct CallTask final : QueuedTurn {
  const MethodInfo* method = nullptr;
  std::uint64_t method_id = 0;
  std::uint64_t schema = 0;
  Message arguments;
  std::shared_ptr<ReplySink> reply;  ///< Owned by us; a future is owned by its caller too.
  Deadline deadline = kNoDeadline;
  std::uint8_t priority = 0;
  std::vector<std::uint32_t> chain;            ///< Nodes that wait for this call, the caller last.
  std::shared_ptr<Cancellation> cancellation;  ///< Owned by us and by whoever may cancel.

  bool run(NodeHost& host) override;
  void refuse(const CallError& why) override;
  [[nodiscard]] bool is_for(const Cancellation& which) const override {
    return cancellation.get() == &which;
  }
  [[nodiscard]] const MethodInfo* called_method() const override { return method; }
  [[nodiscard]] std::string_view name() const { return method ? method->name : "a method"; }
  /// Answers, and returns false, if nobody waits for the call any more.
  [[nodiscard]] bool is_wanted(const NodeHost& host) const;
};

/// Takes calls for any class: what stands in for another node.
class ForeignCalls {
 public:
  virtual ~ForeignCalls() = default;
  /// Answers `call`, now or later. May throw; the call fails then.
  virtual void handle(CallTask& call) = 0;
};

/// The chain of a call as the thread that makes it has it, outermost first.
[[nodiscard]] std::vector<std::uint32_t> chain_of(const ChainLink* innermost);

}  // namespace bourse::program
