#include "bourse/program/future_core.h"

#include <algorithm>
#include <utility>

#include "bourse/program/context.h"

namespace bourse::program {

void FutureCore::finish(Message reply) {
  complete([&] { reply_ = std::move(reply); });
}

void FutureCore::fail(CallError error) {
  complete([&] { error_.emplace(std::move(error)); });
}

bool FutureCore::complete(const std::function<void()>& set) {
  std::vector<Waiting> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (is_done_.load(std::memory_order_relaxed)) return false;
    set();
    if (edge_) count();
    is_done_.store(true, std::memory_order_release);
    waiting.swap(waiting_);
    done_.notify_all();
  }
  for (Waiting& each : waiting) run(each);
  return true;
}

void FutureCore::run(Waiting& waiting) {
  if (waiting.kind == Continuation::may_block && executor_)
    executor_->post(std::move(waiting.run));
  else
    waiting.run();
}

void FutureCore::take_route(std::shared_ptr<CallRoute> route, std::uint64_t call,
                            Deadline deadline) {
  route_ = std::move(route);
  executor_ = route_;
  call_ = call;
  deadline_ = deadline;
}

void FutureCore::count_at(std::shared_ptr<EdgeCounter> edge, std::size_t bytes_sent) {
  edge_ = std::move(edge);
  bytes_sent_ = bytes_sent;
  began_ = now();
}

/// Requires mutex_.
void FutureCore::count() {
  edge_->add(now() - began_, bytes_sent_, reply_.size(), error_.has_value());
  edge_ = nullptr;
}

bool FutureCore::sleep_until(Deadline until) {
  std::unique_lock lock(mutex_);
  const auto is_over = [&] { return is_done_.load(std::memory_order_relaxed) || is_nudged_; };
  if (until == kNoDeadline)
    done_.wait(lock, is_over);
  else
    done_.wait_until(lock, until, is_over);
  is_nudged_ = false;
  return is_done_.load(std::memory_order_relaxed);
}

void FutureCore::nudge() {
  const std::lock_guard lock(mutex_);
  is_nudged_ = true;
  done_.notify_all();
}

bool FutureCore::wait_until(Deadline until) {
  if (is_done()) return true;
  const Deadline first = std::min(until, deadline_);
  if (route_)
    route_->wait(*this, first);
  else
    sleep_until(first);
  if (!is_done() && deadline_ != kNoDeadline && now() >= deadline_) expire();
  return is_done();
}

void FutureCore::expire() {
  const std::string target = route_ ? route_->target() : "the calls waited for";
  fail({CallCode::deadline_exceeded, "no answer in time from " + target});
  if (route_) route_->cancel(call_);
}

void FutureCore::cancel() {
  if (is_done()) return;
  fail({CallCode::cancelled, "cancelled by the caller"});
  if (route_) route_->cancel(call_);
  if (canceller_) canceller_();
}

void FutureCore::on_done(std::function<void()> continuation, Continuation kind) {
  {
    std::unique_lock lock(mutex_);
    if (is_done_.load(std::memory_order_relaxed)) {
      lock.unlock();
      Waiting due{std::move(continuation), kind};
      return run(due);
    }
    waiting_.push_back({std::move(continuation), kind});
  }
  if (route_) route_->attend(shared_from_this());
}

void FutureCore::wait_and_check() {
  wait_until(kNoDeadline);
  const CallError* const failure = error();
  if (failure == nullptr) return;
  std::string place = "called from " + here();
  if (!failure->trace().empty() && failure->trace().back() == place) throw CallError(*failure);
  throw failure->at(std::move(place));
}

void FutureCore::take_once() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(is_taken_, true))
    throw CallError(CallCode::failed_precondition, "the value of a future was taken before");
}

}  // namespace bourse::program
