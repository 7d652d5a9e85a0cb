#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "bourse/program/call_task.h"
#include "bourse/program/context.h"
#include "bourse/program/program_graph.h"

namespace bourse::program {

class Batcher;
class Reactor;

/// A node of this process: its object, and the calls that wait for their turn. At most
/// NodeOptions::concurrency handlers run at a time; the rest wait in order of priority, then of
/// arrival. Any thread may call.
class NodeHost {
 public:
  NodeHost(Runtime& runtime, Reactor& reactor, const NodeSpec& spec);
  ~NodeHost();
  NodeHost(const NodeHost&) = delete;
  NodeHost& operator=(const NodeHost&) = delete;

  [[nodiscard]] const NodeSpec& spec() const { return spec_; }
  [[nodiscard]] Runtime& runtime() const { return runtime_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Null until set_ready().
  [[nodiscard]] void* object() const { return object_.get(); }
  [[nodiscard]] ForeignCalls* foreign_calls() const { return foreign_calls_.get(); }

  /// The object is there: calls that waited for it begin.
  void set_ready(std::shared_ptr<void> object, std::unique_ptr<ForeignCalls> foreign_calls);

  /// Takes a call. True if its turn is now: the caller is to call work(), soon and on a thread that
  /// may block. A call that cannot be taken is refused.
  [[nodiscard]] bool take(std::unique_ptr<CallTask> call);
  /// The same from outside of the reactor.
  void submit(std::unique_ptr<CallTask> call);
  /// Runs calls until none waits, or another thread has taken over.
  void work();

  /// A turn for a call that this thread makes directly. Waits for it; throws CallError if it would
  /// never come.
  void enter();
  void leave();
  /// Drops a call that waits, or tells it that nobody wants its answer.
  void drop(Cancellation& cancellation);

  /// Stops when the program stops, or the node is asked to.
  [[nodiscard]] std::stop_token stop_token() const;
  /// Asks this node to stop, as one that leaves the program.
  void ask_to_stop();
  /// Refuses calls from now on, and those that wait.
  void close();
  /// The same for a node that is no part of the program for now; reopen() takes it back, once it is
  /// idle and released.
  void leave_program();
  void reopen();
  /// Destroys the object. Once closed and idle.
  void release();
  /// True once no handler runs; false if `until` has passed first.
  [[nodiscard]] bool wait_until_idle(Deadline until);

  /// The error of a call that would wait for itself; none if it would not. `chain` may be null.
  [[nodiscard]] std::optional<CallError> cycle_of(const ChainLink* chain) const;
  /// "ps/0 ParamServer::push (process 12)".
  [[nodiscard]] std::string place(std::string_view method) const;

 private:
  friend class Batcher;
  using Key = std::pair<int, std::uint64_t>;  ///< Negated priority, order of arrival.

  void listen_for_stop();
  [[nodiscard]] CallError why_closed() const;
  bool enqueue(std::unique_ptr<QueuedTurn> turn, int priority);
  void withdraw(const Key& key);

  Runtime& runtime_;
  Reactor& reactor_;
  const NodeSpec& spec_;
  const std::string name_;
  std::shared_ptr<void> object_;  ///< Owned by us; the type it was made with destroys it.
  std::unique_ptr<ForeignCalls> foreign_calls_;
  std::unique_ptr<Batcher> batcher_;

  mutable std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable changed_;
  std::map<Key, std::unique_ptr<QueuedTurn>> queue_;
  std::uint64_t arrivals_ = 0;
  std::uint32_t active_ = 0;
  bool is_ready_ = false;
  bool is_closed_ = false;
  bool is_absent_ = false;
  std::stop_source stopping_;
  std::optional<std::stop_callback<std::function<void()>>> program_stop_;
};

}  // namespace bourse::program
