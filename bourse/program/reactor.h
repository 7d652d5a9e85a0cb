#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "bourse/program/deadline.h"
#include "bourse/world/descriptor.h"

namespace bourse::program {

/// The threads of a process that wait for sockets, timers and posted calls, all of them at the same
/// epoll descriptor. A call may block: while one thread is left that waits, the others may be busy;
/// when none is left, one more is started, up to a limit. Any thread may call.
class Reactor {
 public:
  /// Called with epoll events. Edges come one by one, but from any thread and at any time.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void on_ready(std::uint32_t events) = 0;
  };
  using WatchId = std::uint64_t;  ///< 0 names none.
  using TimerId = std::uint64_t;  ///< 0 names none.

  explicit Reactor(std::size_t most_threads = 256);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// False, and nothing happens, once it is stopped.
  bool post(std::function<void()> call);
  /// Calls once, soon after `when`.
  TimerId call_at(Deadline when, std::function<void()> call);
  void cancel(TimerId timer);

  /// `events` as for epoll_ctl. The watcher lives until unwatch(), and longer while it is called.
  WatchId watch(int descriptor, std::uint32_t events, std::shared_ptr<Watcher> watcher);
  /// Sets what to wait for, and waits again where a call came once only (EPOLLONESHOT).
  void change(WatchId watch, int descriptor, std::uint32_t events);
  void unwatch(WatchId watch, int descriptor);

  /// True if a thread waits, so that another may take its time.
  [[nodiscard]] bool has_idle_thread() const { return idle_ > 0; }

  /// Ends all threads; what was posted and not begun is dropped. Not from one of the threads.
  void stop();

 private:
  void add_thread();
  void work();
  void dispatch(std::uint64_t id, std::uint32_t events);
  void run_posted();
  void run_timers();
  void arm_timer();
  void wake();

  const std::size_t most_threads_;
  Descriptor epoll_;
  Descriptor posted_signal_;
  Descriptor timer_signal_;
  std::atomic<int> idle_ = 0;  ///< Threads that wait, or are about to.
  std::atomic<bool> is_stopped_ = false;

  std::mutex mutex_;  ///< Guards what follows.
  std::vector<std::thread> threads_;
  std::deque<std::function<void()>> posted_;
  std::map<std::pair<Deadline, TimerId>, std::function<void()>> timers_;
  std::map<TimerId, Deadline> timer_times_;
  std::map<WatchId, std::shared_ptr<Watcher>> watchers_;  ///< Owned by us and by calls that run.
  std::uint64_t last_id_ = 2;
};

}  // namespace bourse::program
