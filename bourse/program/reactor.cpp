#include "bourse/program/reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "bourse/base/check.h"

namespace bourse::program {
namespace {

constexpr std::uint64_t kPostedId = 1;
constexpr std::uint64_t kTimerId = 2;

void add(int epoll, int descriptor, std::uint32_t events, std::uint64_t id) {
  epoll_event event{.events = events, .data = {.u64 = id}};
  BOURSE_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0);
}

}  // namespace

Reactor::Reactor(std::size_t most_threads)
    : most_threads_(most_threads),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      posted_signal_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      timer_signal_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
  BOURSE_CHECK(epoll_.is_open());
  BOURSE_CHECK(posted_signal_.is_open());
  BOURSE_CHECK(timer_signal_.is_open());
  add(epoll_.number(), posted_signal_.number(), EPOLLIN | EPOLLET, kPostedId);
  add(epoll_.number(), timer_signal_.number(), EPOLLIN | EPOLLET, kTimerId);
  const std::lock_guard lock(mutex_);
  add_thread();
  add_thread();
}

Reactor::~Reactor() { stop(); }

/// Requires mutex_.
void Reactor::add_thread() {
  if (is_stopped_ || threads_.size() >= most_threads_) return;
  ++idle_;
  threads_.emplace_back([this] { work(); });
}

void Reactor::work() {
  while (!is_stopped_) {
    epoll_event event{};
    const int count = epoll_wait(epoll_.number(), &event, 1, -1);
    if (count < 0 && errno == EINTR) continue;
    BOURSE_CHECK(count == 1);
    if (is_stopped_) break;
    if (--idle_ == 0) {
      const std::lock_guard lock(mutex_);
      add_thread();
    }
    dispatch(event.data.u64, event.events);
    ++idle_;
  }
  wake();  // whoever waits next ends too
}

void Reactor::dispatch(std::uint64_t id, std::uint32_t events) {
  if (id == kPostedId) return run_posted();
  if (id == kTimerId) return run_timers();
  std::shared_ptr<Watcher> watcher;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = watchers_.find(id);
    if (entry == watchers_.end()) return;
    watcher = entry->second;
  }
  watcher->on_ready(events);
}

void Reactor::wake() {
  const std::uint64_t one = 1;
  (void)!write(posted_signal_.number(), &one, sizeof one);
}

bool Reactor::post(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return false;
    posted_.push_back(std::move(call));
  }
  wake();
  return true;
}

void Reactor::run_posted() {
  while (!is_stopped_) {
    std::function<void()> call;
    bool are_more = false;
    {
      const std::lock_guard lock(mutex_);
      if (posted_.empty()) return;
      call = std::move(posted_.front());
      posted_.pop_front();
      are_more = !posted_.empty();
    }
    if (are_more) wake();  // this call may take long
    call();
  }
}

Reactor::TimerId Reactor::call_at(Deadline when, std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  const TimerId id = ++last_id_;
  timers_.emplace(std::pair(when, id), std::move(call));
  timer_times_.emplace(id, when);
  if (timers_.begin()->first.second == id) arm_timer();
  return id;
}

void Reactor::cancel(TimerId timer) {
  std::function<void()> dropped;  // what it holds goes after the lock
  const std::lock_guard lock(mutex_);
  const auto entry = timer_times_.find(timer);
  if (entry == timer_times_.end()) return;
  const auto call = timers_.find({entry->second, timer});
  dropped = std::move(call->second);
  timers_.erase(call);
  timer_times_.erase(entry);
}

/// Requires mutex_.
void Reactor::arm_timer() {
  if (timers_.empty()) return;
  const auto since = timers_.begin()->first.first.time_since_epoch();
  const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
  constexpr std::int64_t kSecond = 1'000'000'000;
  itimerspec setting{};
  setting.it_value.tv_sec = nanoseconds / kSecond;
  setting.it_value.tv_nsec = nanoseconds % kSecond;
  timerfd_settime(timer_signal_.number(), TFD_TIMER_ABSTIME, &setting, nullptr);
}

void Reactor::run_timers() {
  std::uint64_t count = 0;
  (void)!read(timer_signal_.number(), &count, sizeof count);
  while (!is_stopped_) {
    std::function<void()> call;
    {
      const std::lock_guard lock(mutex_);
      if (timers_.empty() || timers_.begin()->first.first > now()) return arm_timer();
      call = std::move(timers_.begin()->second);
      timer_times_.erase(timers_.begin()->first.second);
      timers_.erase(timers_.begin());
      arm_timer();  // the next is not to wait for this one
    }
    call();
  }
}

Reactor::WatchId Reactor::watch(int descriptor, std::uint32_t events,
                                std::shared_ptr<Watcher> watcher) {
  WatchId id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = ++last_id_;
    watchers_.emplace(id, std::move(watcher));
  }
  add(epoll_.number(), descriptor, events, id);
  return id;
}

void Reactor::change(WatchId watch, int descriptor, std::uint32_t events) {
  epoll_event event{.events = events, .data = {.u64 = watch}};
  (void)epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, descriptor, &event);
}

void Reactor::unwatch(WatchId watch, int descriptor) {
  std::shared_ptr<Watcher> watcher;  // goes after the lock
  epoll_ctl(epoll_.number(), EPOLL_CTL_DEL, descriptor, nullptr);
  const std::lock_guard lock(mutex_);
  const auto entry = watchers_.find(watch);
  if (entry == watchers_.end()) return;
  watcher = std::move(entry->second);
  watchers_.erase(entry);
}

void Reactor::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    threads.swap(threads_);
  }
  wake();
  for (std::thread& thread : threads) thread.join();
  std::deque<std::function<void()>> posted;
  std::map<std::pair<Deadline, TimerId>, std::function<void()>> timers;
  std::map<WatchId, std::shared_ptr<Watcher>> watchers;
  const std::lock_guard lock(mutex_);
  posted.swap(posted_);
  timers.swap(timers_);
  watchers.swap(watchers_);
}

}  // namespace bourse::program
