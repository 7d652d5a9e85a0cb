#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// Has things done on the daemon's loop for threads that wait for the answer, with a bound on how
/// long, and lets them wait for changes. What was asked for while the loop was busy is done
/// together, and answered when all of it is safe. Safe from any thread but for stop(), which is the
/// loop's.
class LoopCaller {
 public:
  /// Runs what it is given on the loop, later; safe from any thread.
  using Post = std::function<void(std::function<void()>)>;
  /// Does work on the loop as one step; on return it is safe, or an error says why not.
  using Together = std::function<Result<void>(const std::function<void()>& work)>;

  LoopCaller(Post post, Seconds answer_within, Together together = at_once)
      : post_(std::move(post)),
        answer_within_(answer_within),
        shared_(std::make_shared<Shared>(std::move(together))) {}

  /// Does `work` on the loop and returns what it returned. Errors: deadline_exceeded if that took
  /// too long (it may still be done), unavailable once stopped; that of the step it was part of.
  template <class T>
  Result<T> call(std::function<Result<T>()> work) {
    struct Answer final : Call {
      std::function<Result<T>()> work;
      std::optional<Result<T>> value;
      void run() override { value = work(); }
    };
    const auto answer = std::make_shared<Answer>();
    answer->work = std::move(work);
    enqueue(answer);
    std::unique_lock lock(shared_->mutex);
    const bool in_time = answer->changed.wait_for(
        lock, duration_of(answer_within_), [&] { return answer->is_done || shared_->stopped; });
    if (answer->is_done && answer->failure) return tl::unexpected<Error>(*answer->failure);
    if (answer->is_done) return std::move(*answer->value);
    answer->is_given_up = true;
    if (in_time) return fail(ErrorCode::unavailable, "the daemon is ending");
    return fail(ErrorCode::deadline_exceeded,
                "the daemon is busy and did not answer in time; it may still do what was asked");
  }

  /// Changes up to this number are in the journal.
  void notify(std::uint64_t last_change) {
    const std::lock_guard lock(shared_->change_mutex);
    shared_->last_change = std::max(shared_->last_change, last_change);
    shared_->changed.notify_all();
  }

  /// Waits until a change after `number` is known, the time is over, or stop().
  void wait_for_change(std::uint64_t number, Seconds at_most) {
    std::unique_lock lock(shared_->change_mutex);
    shared_->changed.wait_for(lock, duration_of(at_most),
                              [&] { return shared_->is_over || shared_->last_change > number; });
  }

  /// Ends all waiting; work that was posted and not begun is not done.
  void stop() {
    {
      const std::lock_guard lock(shared_->change_mutex);
      shared_->is_over = true;
      shared_->changed.notify_all();
    }
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    for (const auto& call : shared_->calls) call->changed.notify_all();
  }
  [[nodiscard]] bool is_stopped() const {
    const std::lock_guard lock(shared_->mutex);
    return shared_->stopped;
  }

 private:
  /// Owned by who waits for it and by the queue. Guarded by Shared::mutex but for run(), which is
  /// the loop's, and by what it sets while nobody looks at it.
  struct Call {
    Call() = default;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    virtual ~Call() = default;
    virtual void run() = 0;
    std::condition_variable changed;
    bool is_done = false;
    bool is_given_up = false;  ///< Nobody waits for it any more.
    std::optional<Error> failure;
  };

  /// Owned by this and by work that is still in the loop's queue.
  struct Shared {
    explicit Shared(Together work_together) : together(std::move(work_together)) {}
    /// Of those who follow changes: there may be many, and calls do not wait for them.
    std::mutex change_mutex;
    std::condition_variable changed;
    bool is_over = false;  ///< Guarded by `change_mutex`, as the next.
    std::uint64_t last_change = 0;
    std::mutex mutex;
    bool stopped = false;  ///< Guarded by `mutex`, as the next two.
    bool is_posted = false;
    std::vector<std::shared_ptr<Call>> calls;  ///< Not begun.
    Together together;                         ///< The loop's.
  };

  static Result<void> at_once(const std::function<void()>& work) {
    work();
    return {};
  }

  void enqueue(std::shared_ptr<Call> call) {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->calls.push_back(std::move(call));
      if (std::exchange(shared_->is_posted, true)) return;
    }
    post_([shared = shared_] { run_all(*shared); });
  }

  /// On the loop.
  static void run_all(Shared& shared) {
    std::vector<std::shared_ptr<Call>> calls;
    {
      const std::lock_guard lock(shared.mutex);
      shared.is_posted = false;
      if (shared.stopped) return;
      calls.swap(shared.calls);
      std::erase_if(calls, [](const auto& call) { return call->is_given_up; });
    }
    if (calls.empty()) return;
    const Result<void> done = shared.together([&calls] {
      for (const auto& call : calls) call->run();
    });
    const std::lock_guard lock(shared.mutex);
    for (const auto& call : calls) {
      if (!done) call->failure = done.error();
      call->is_done = true;
      call->changed.notify_all();
    }
  }

  static std::chrono::duration<double> duration_of(Seconds time) {
    return std::chrono::duration<double>(time.value);
  }

  Post post_;
  Seconds answer_within_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace bourse
