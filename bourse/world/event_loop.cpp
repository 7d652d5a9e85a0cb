#include "bourse/world/event_loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <ctime>

#include "bourse/base/check.h"

namespace bourse {

EventLoop::EventLoop()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)),
      mailbox_(std::make_shared<Mailbox>()) {
  BOURSE_CHECK(epoll_.is_open());
  BOURSE_CHECK(timer_.is_open());
  watch(timer_.number(), EPOLLIN, [this](std::uint32_t) { run_due_timers(); });
  watch(mailbox_->descriptor(), EPOLLIN, [this](std::uint32_t) { run_posted(); });
}

EventLoop::WatchId EventLoop::watch(int descriptor, std::uint32_t events, Callback callback) {
  const WatchId id = ++last_watch_;
  watches_.emplace(id, Watch{descriptor, std::make_shared<Callback>(std::move(callback))});
  epoll_event event{.events = events, .data = {.u64 = id}};
  BOURSE_CHECK(epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, descriptor, &event) == 0);
  return id;
}

void EventLoop::change(WatchId watch, std::uint32_t events) {
  const auto entry = watches_.find(watch);
  BOURSE_CHECK(entry != watches_.end());
  epoll_event event{.events = events, .data = {.u64 = watch}};
  BOURSE_CHECK(epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, entry->second.descriptor, &event) == 0);
}

void EventLoop::unwatch(WatchId watch) {
  const auto entry = watches_.find(watch);
  if (entry == watches_.end()) return;
  BOURSE_CHECK(epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, entry->second.descriptor, nullptr) == 0);
  watches_.erase(entry);
}

Seconds EventLoop::now() const {
  timespec time{};
  BOURSE_CHECK(clock_gettime(CLOCK_BOOTTIME, &time) == 0);
  return Seconds(static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec));
}

TimerId EventLoop::call_at(Seconds when, std::function<void()> callback) {
  // What is past is due now: calls asked for in the same moment come in the order of asking.
  return timers_.add(std::max(when, now()), std::move(callback));
}

void EventLoop::run() {
  is_stopped_ = false;
  while (!is_stopped_) turn();
}

void EventLoop::turn() {
  arm_timer();
  std::array<epoll_event, 64> events;
  const int count = epoll_wait(epoll_.number(), events.data(), events.size(), -1);
  BOURSE_CHECK(count >= 0 || errno == EINTR);
  for (int i = 0; i < count && !is_stopped_; ++i) {
    // The kernel packs its event: copies, as nothing may refer to what is not aligned.
    const std::uint32_t happened = events[static_cast<std::size_t>(i)].events;
    const WatchId watch = events[static_cast<std::size_t>(i)].data.u64;
    const auto entry = watches_.find(watch);
    if (entry == watches_.end()) continue;
    const std::shared_ptr<Callback> callback = entry->second.callback;
    (*callback)(happened);
  }
}

/// Sets the timer of the kernel to the first of ours, if that has changed.
void EventLoop::arm_timer() {
  const Seconds first = timers_.first();
  if (first == armed_) return;
  armed_ = first;
  itimerspec setting{};
  constexpr double kCenturies = 1e10;
  if (first.value < kCenturies) {
    const double whole = std::floor(first.value);
    setting.it_value.tv_sec = static_cast<time_t>(whole);
    // All zeros would switch the timer off.
    setting.it_value.tv_nsec =
        std::clamp(static_cast<long>(std::ceil((first.value - whole) * 1e9)), 1L, 999'999'999L);
  }
  BOURSE_CHECK(timerfd_settime(timer_.number(), TFD_TIMER_ABSTIME, &setting, nullptr) == 0);
}

void EventLoop::run_due_timers() {
  std::uint64_t count = 0;
  (void)!read(timer_.number(), &count, sizeof count);
  armed_ = kForever;  // it has fired; arm_timer() sets it again
  for (const TimerId timer : timers_.due(now())) {
    const std::function<void()> callback = timers_.take(timer);
    if (callback) callback();
    if (is_stopped_) return;
  }
}

void EventLoop::run_posted() {
  for (const std::function<void()>& call : mailbox_->take()) call();
}

}  // namespace bourse
