#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "bourse/program/call_task.h"

namespace bourse::program {

/// Puts calls of batched methods together. A batch goes when it is full or its oldest call has
/// waited long enough; while it waits for its turn it keeps filling. No thread is held by a call
/// that waits.
class Batcher {
 public:
  explicit Batcher(NodeHost& host) : host_(host) {}

  void add(std::unique_ptr<CallTask> call);
  /// Fails every call that waits.
  void refuse_all(const CallError& why);
  /// The calls of the next batch of a method.
  [[nodiscard]] std::vector<std::unique_ptr<CallTask>> take(const MethodInfo& method);

 private:
  struct Waiting {
    std::vector<std::unique_ptr<CallTask>> calls;
    Deadline oldest_goes = kNoDeadline;
    std::uint64_t timer = 0;
    std::size_t turns = 0;  ///< Asked for and not come yet.
  };

  void arm(const MethodInfo& method, Waiting& waiting);
  void send(const MethodInfo& method);

  NodeHost& host_;
  std::mutex mutex_;
  std::map<const MethodInfo*, Waiting> waiting_;  ///< Guarded by mutex_.
};

}  // namespace bourse::program
