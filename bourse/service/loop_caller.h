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

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// Has things done on the daemon's loop for threads that wait for the answer, with a bound on how
/// long, and lets them wait for changes. Safe from any thread but for stop(), which is the loop's.
class LoopCaller {
 public:
  /// `post` runs what it is given on the loop, later; safe from any thread.
  explicit LoopCaller(std::function<void(std::function<void()>)> post, Seconds answer_within)
      : post_(std::move(post)), answer_within_(answer_within) {}

  /// Does `work` on the loop and returns what it returned. Errors: deadline_exceeded if that took
  /// too long (it may still be done), unavailable once stopped.
  template <class T>
  Result<T> call(std::function<Result<T>()> work) {
    struct Answer {
      std::optional<Result<T>> value;
    };
    const auto answer = std::make_shared<Answer>();
    post_([shared = shared_, answer, work = std::move(work)] {
      if (shared->is_stopped()) return;
      Result<T> value = work();
      const std::lock_guard lock(shared->mutex);
      answer->value = std::move(value);
      shared->changed.notify_all();
    });
    std::unique_lock lock(shared_->mutex);
    const bool in_time = shared_->changed.wait_for(
        lock, duration_of(answer_within_), [&] { return answer->value || shared_->stopped; });
    if (answer->value) return std::move(*answer->value);
    if (in_time) return fail(ErrorCode::unavailable, "the daemon is ending");
    return fail(ErrorCode::deadline_exceeded,
                "the daemon is busy and did not answer in time; it may still do what was asked");
  }

  /// Changes up to this number are in the journal.
  void notify(std::uint64_t last_change) {
    const std::lock_guard lock(shared_->mutex);
    shared_->last_change = std::max(shared_->last_change, last_change);
    shared_->changed.notify_all();
  }

  /// Waits until a change after `number` is known, the time is over, or stop().
  void wait_for_change(std::uint64_t number, Seconds at_most) {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait_for(lock, duration_of(at_most),
                              [&] { return shared_->stopped || shared_->last_change > number; });
  }

  /// Ends all waiting; work that was posted and not begun is not done.
  void stop() {
    const std::lock_guard lock(shared_->mutex);
    shared_->stopped = true;
    shared_->changed.notify_all();
  }
  [[nodiscard]] bool is_stopped() const { return shared_->is_stopped(); }

 private:
  /// Owned by this and by work that is still in the loop's queue.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool stopped = false;  ///< Guarded by `mutex`, as all here.
    std::uint64_t last_change = 0;
    bool is_stopped() {
      const std::lock_guard lock(mutex);
      return stopped;
    }
  };
  static std::chrono::duration<double> duration_of(Seconds time) {
    return std::chrono::duration<double>(time.value);
  }

  std::function<void(std::function<void()>)> post_;
  Seconds answer_within_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace bourse
