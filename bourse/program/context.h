#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bourse/program/deadline.h"

namespace bourse::program {

class Runtime;

/// No node at all.
inline constexpr std::uint32_t kNoNode = std::numeric_limits<std::uint32_t>::max();

/// A node that handles a call, and who called it: one link of a chain of calls that all wait.
struct ChainLink {
  std::uint32_t node = kNoNode;
  const ChainLink* caller = nullptr;
};

/// Tells a handler that nobody wants its answer any more.
class Cancellation {
 public:
  void cancel();
  [[nodiscard]] bool is_cancelled() const { return is_cancelled_.load(std::memory_order_acquire); }
  [[nodiscard]] std::stop_token token();

 private:
  std::atomic<bool> is_cancelled_ = false;
  std::mutex mutex_;
  std::optional<std::stop_source> source_;  ///< Made when somebody asks. Guarded by mutex_.
};

/// What a thread does at the moment: for which node, on whose behalf, until when.
struct CallContext {
  Runtime* runtime = nullptr;
  std::uint32_t node = kNoNode;
  Deadline deadline = kNoDeadline;
  const ChainLink* chain = nullptr;
  Cancellation* cancellation = nullptr;
};

/// That of this thread.
[[nodiscard]] CallContext& context();

/// Sets the context of this thread until it goes.
class ContextScope {
 public:
  explicit ContextScope(const CallContext& inner) : outer_(context()) { context() = inner; }
  ~ContextScope() { context() = outer_; }
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

 private:
  CallContext outer_;
};

/// "worker/3", or "outside of the program".
[[nodiscard]] std::string here();

/// Asks every node of the program to stop. From a node only.
void stop();
/// Stops when the program is asked to, or this node is to leave it as its group shrinks;
/// std::stop_callback calls back. From a node only.
[[nodiscard]] std::stop_token stop_token();
/// Waits for that; false if `at_most` has passed first. From a node only.
bool wait_for_stop(std::optional<Nanoseconds> at_most = std::nullopt);

/// In a handler: stops when its caller has given up.
[[nodiscard]] std::stop_token cancel_token();
/// In a handler: what is left until its caller's deadline; none if there is no deadline.
[[nodiscard]] std::optional<Nanoseconds> time_left();
/// Name of the node that this thread works for, e.g. "worker/3"; its position in its group; and how
/// often its process was started before.
[[nodiscard]] std::string node_name();
[[nodiscard]] std::uint32_t node_index();
/// Positions of those nodes of the group of this one that are part of the program now, in order:
/// how many there are, and which share of the work is whose. From a node only.
[[nodiscard]] std::vector<std::uint32_t> group_indices();
[[nodiscard]] std::uint32_t incarnation();

}  // namespace bourse::program
