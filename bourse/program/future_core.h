#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bourse/program/call_error.h"
#include "bourse/program/deadline.h"
#include "bourse/program/edge_counts.h"
#include "bourse/program/wire.h"

namespace bourse::program {

class FutureCore;

/// Waits for the answer to a call. Exactly one of the two is called, once, from any thread.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void finish(Message reply) = 0;
  virtual void fail(CallError error) = 0;
};

/// The way a call took, as long as it has no answer.
class CallRoute {
 public:
  virtual ~CallRoute() = default;
  /// Waits, and helps that the answer comes, until `call` is done or `until` has passed.
  virtual void wait(FutureCore& call, Deadline until) = 0;
  /// From now on the answer is to come, or the deadline to be noticed, without anybody waiting.
  virtual void attend(const std::shared_ptr<FutureCore>& call) = 0;
  /// Nobody wants the answer any more.
  virtual void cancel(std::uint64_t call) = 0;
  /// Runs a continuation where it may block.
  virtual void post(std::function<void()> continuation) = 0;
  /// Node and method, for messages.
  [[nodiscard]] virtual std::string target() const = 0;
};

/// Where a continuation may run: it blocks, or it does not.
enum class Continuation : std::uint8_t { may_block, is_quick };

/// What all futures share: done or not, why not, and who wants to know. Any thread may call.
class FutureCore : public ReplySink, public std::enable_shared_from_this<FutureCore> {
 public:
  void finish(Message reply) override;
  void fail(CallError error) override;

  /// Before anybody else knows this future: how its answer comes, and by when.
  void take_route(std::shared_ptr<CallRoute> route, std::uint64_t call, Deadline deadline);
  /// Counts the call once it has ended; it begins now, with so many bytes. Before anybody else
  /// knows this future.
  void count_at(std::shared_ptr<EdgeCounter> edge, std::size_t bytes_sent);
  /// The same for a future that another leads to: its continuations run where those of the other
  /// do.
  void follow(const FutureCore& other) { executor_ = other.executor_; }
  void on_cancel(std::function<void()> canceller) { canceller_ = std::move(canceller); }

  [[nodiscard]] bool is_done() const { return is_done_.load(std::memory_order_acquire); }
  [[nodiscard]] Deadline deadline() const { return deadline_; }
  [[nodiscard]] std::uint64_t call() const { return call_; }
  /// True if done. At the deadline of the call it becomes done.
  bool wait_until(Deadline until);
  /// Only waits; for routes. Returns at a nudge too.
  bool sleep_until(Deadline until);
  void nudge();
  /// Fails with deadline_exceeded unless done, and tells the other end.
  void expire();
  void cancel();
  void on_done(std::function<void()> continuation, Continuation kind);

  /// Null unless failed. Requires is_done().
  [[nodiscard]] const CallError* error() const { return error_ ? &*error_ : nullptr; }
  /// Requires is_done() without an error.
  [[nodiscard]] Message& reply() { return reply_; }
  /// Waits; throws the error, if there is one, with the place of the caller.
  void wait_and_check();
  /// The first to take the value; others throw failed_precondition.
  void take_once();

 protected:
  /// Calls `set` and completes, unless it was done before.
  bool complete(const std::function<void()>& set);

 private:
  struct Waiting {
    std::function<void()> run;
    Continuation kind;
  };
  void run(Waiting& waiting);
  void count();

  mutable std::mutex mutex_;
  std::condition_variable done_;
  std::atomic<bool> is_done_ = false;
  bool is_taken_ = false;
  bool is_nudged_ = false;
  Message reply_;
  std::optional<CallError> error_;
  std::vector<Waiting> waiting_;
  std::shared_ptr<CallRoute> route_;     ///< Owned by us and all other calls on the same way.
  std::shared_ptr<CallRoute> executor_;  ///< Runs continuations; null: whoever completes.
  std::uint64_t call_ = 0;
  Deadline deadline_ = kNoDeadline;
  std::shared_ptr<EdgeCounter> edge_;  ///< Owned by its table, too; null once counted.
  Deadline began_{};
  std::size_t bytes_sent_ = 0;
  std::function<void()> canceller_;
};

}  // namespace bourse::program
