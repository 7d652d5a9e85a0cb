#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "bourse/world/clock.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/mailbox.h"
#include "bourse/world/timer_queue.h"

namespace bourse {

/// Waits for descriptors, timers and posted calls, and calls back; the heart of RealWorld (epoll).
/// Everything but mailbox().post() belongs to one thread.
class EventLoop {
 public:
  using WatchId = std::uint64_t;  ///< 0 names none.
  using Callback = std::function<void(std::uint32_t events)>;

  EventLoop();

  /// Calls back with the epoll events as long as there are any (level-triggered). The descriptor
  /// must stay open until unwatch().
  WatchId watch(int descriptor, std::uint32_t events, Callback callback);
  void change(WatchId watch, std::uint32_t events);
  /// No further call comes, not even one that is due already. The callback may be the one running.
  void unwatch(WatchId watch);
  /// Tells a callback whether what it called has unwatched it.
  [[nodiscard]] bool is_watched(WatchId watch) const { return watches_.contains(watch); }

  /// CLOCK_BOOTTIME.
  [[nodiscard]] Seconds now() const;
  TimerId call_at(Seconds when, std::function<void()> callback);
  void cancel(TimerId timer) { timers_.cancel(timer); }

  /// Posted calls outlive the loop in nothing but memory: threads may keep their share of it.
  [[nodiscard]] const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }

  /// Until stop(); may be called again.
  void run();
  /// To be called from the loop's thread.
  void stop() { is_stopped_ = true; }

 private:
  struct Watch {
    int descriptor = -1;
    std::shared_ptr<Callback> callback;  ///< Owned by the table and by the call that runs.
  };

  void turn();
  void arm_timer();
  void run_due_timers();
  void run_posted();

  Descriptor epoll_;
  Descriptor timer_;
  std::shared_ptr<Mailbox> mailbox_;  ///< Owned by us and by threads that look up names.
  std::unordered_map<WatchId, Watch> watches_;
  WatchId last_watch_ = 0;
  TimerQueue timers_;
  Seconds armed_ = kForever;
  bool is_stopped_ = false;
};

}  // namespace bourse
