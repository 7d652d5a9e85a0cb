#include "bourse/program/node_host.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "bourse/program/batcher.h"
#include "bourse/program/reactor.h"
#include "bourse/program/runtime.h"
#include "bourse/program/server.h"

namespace bourse::program {
namespace {

CallError is_full(const NodeHost& host, std::size_t waiting) {
  return {CallCode::resource_exhausted,
          fmt::format("{} calls already wait for {}", waiting, host.name())};
}

/// The turn of a thread that makes a call itself, and waits.
class DirectTurn final : public QueuedTurn {
 public:
  struct Wait {
    std::mutex mutex;
    std::condition_variable changed;
    bool has_turn = false;
    std::optional<CallError> refused;
  };
  explicit DirectTurn(Wait& wait) : wait_(wait) {}

  bool run(NodeHost&) override {
    const std::lock_guard lock(wait_.mutex);
    wait_.has_turn = true;
    wait_.changed.notify_one();
    return false;
  }
  void refuse(const CallError& why) override {
    const std::lock_guard lock(wait_.mutex);
    wait_.refused.emplace(why);
    wait_.changed.notify_one();
  }

 private:
  Wait& wait_;
};

}  // namespace

NodeHost::NodeHost(Runtime& runtime, Reactor& reactor, const NodeSpec& spec)
    : runtime_(runtime),
      reactor_(reactor),
      spec_(spec),
      name_(spec.name()),
      batcher_(std::make_unique<Batcher>(*this)) {
  listen_for_stop();
}

NodeHost::~NodeHost() = default;

void NodeHost::listen_for_stop() {
  program_stop_.emplace(runtime_.stop_token(),
                        [source = stopping_]() mutable { source.request_stop(); });
}

std::stop_token NodeHost::stop_token() const {
  const std::lock_guard lock(mutex_);
  return stopping_.get_token();
}

void NodeHost::ask_to_stop() {
  std::stop_source source;
  {
    const std::lock_guard lock(mutex_);
    source = stopping_;
  }
  source.request_stop();
}

/// Requires mutex_.
CallError NodeHost::why_closed() const {
  if (is_absent_) return not_part_of_program(name_);
  return CallError(CallCode::cancelled, "the program is stopping").at(name_);
}

void NodeHost::set_ready(std::shared_ptr<void> object,
                         std::unique_ptr<ForeignCalls> foreign_calls) {
  object_ = std::move(object);
  foreign_calls_ = std::move(foreign_calls);
  std::size_t turns = 0;
  {
    const std::lock_guard lock(mutex_);
    is_ready_ = true;
    turns = std::min<std::size_t>(queue_.size(), spec_.options.concurrency);
    active_ += static_cast<std::uint32_t>(turns);
  }
  for (std::size_t i = 0; i < turns; ++i) reactor_.post([this] { work(); });
}

std::optional<CallError> NodeHost::cycle_of(const ChainLink* chain) const {
  std::uint32_t turns = 0;
  for (const ChainLink* link = chain; link != nullptr; link = link->caller)
    turns += link->node == spec_.id ? 1 : 0;
  if (turns < spec_.options.concurrency) return std::nullopt;
  std::string path;
  for (const std::uint32_t node : chain_of(chain))
    path += runtime_.graph().node_name(node) + " -> ";
  return CallError(
      CallCode::failed_precondition,
      fmt::format("the call would wait for itself: {}{}; at most {} of its handlers run at a time",
                  path, name_, spec_.options.concurrency));
}

bool NodeHost::take(std::unique_ptr<CallTask> call) {
  std::vector<ChainLink> links(call->chain.size());
  for (std::size_t i = 0; i < links.size(); ++i)
    links[i] = {call->chain[i], i == 0 ? nullptr : &links[i - 1]};
  if (auto cycle = cycle_of(links.empty() ? nullptr : &links.back())) {
    call->refuse(cycle->at(place(call->name())));
    return false;
  }
  if (call->method != nullptr && call->method->invoke_batch != nullptr) {
    batcher_->add(std::move(call));
    return false;
  }
  const int priority = call->priority;
  return enqueue(std::move(call), priority);
}

void NodeHost::submit(std::unique_ptr<CallTask> call) {
  if (take(std::move(call))) reactor_.post([this] { work(); });
}

/// True if a turn was free and is now the caller's.
bool NodeHost::enqueue(std::unique_ptr<QueuedTurn> turn, int priority) {
  std::optional<CallError> refused;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) {
      refused = why_closed();
    } else if (queue_.size() >= spec_.options.queue_limit) {
      refused = is_full(*this, queue_.size());
    } else {
      queue_.emplace(Key{-priority, ++arrivals_}, std::move(turn));
      if (!is_ready_ || active_ >= spec_.options.concurrency) return false;
      ++active_;
      return true;
    }
  }
  turn->refuse(*refused);
  return false;
}

void NodeHost::work() {
  while (true) {
    std::unique_ptr<QueuedTurn> turn;
    const MethodInfo* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        --active_;
        changed_.notify_all();
        return;
      }
      turn = std::move(queue_.begin()->second);
      queue_.erase(queue_.begin());
      if (!queue_.empty()) next = queue_.begin()->second->called_method();
    }
    // A method that has been quick will most likely be so again. With several at a time they may
    // wait for each other's callers.
    ReplyCork::expect_more(spec_.options.concurrency == 1 && next != nullptr &&
                           next == turn->called_method());
    if (!turn->run(*this)) return;
  }
}

void NodeHost::enter() {
  if (auto cycle = cycle_of(context().chain)) throw *std::move(cycle);
  DirectTurn::Wait wait;
  Key key;
  bool was_ready = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_closed_) throw why_closed();
    // While a turn is free, whoever is in the queue has one already.
    if (is_ready_ && active_ < spec_.options.concurrency) {
      ++active_;
      return;
    }
    if (queue_.size() >= spec_.options.queue_limit) throw is_full(*this, queue_.size());
    key = {0, ++arrivals_};
    was_ready = is_ready_;
    queue_.emplace(key, std::make_unique<DirectTurn>(wait));
  }
  const auto is_decided = [&] { return wait.has_turn || wait.refused; };
  std::unique_lock lock(wait.mutex);
  if (!was_ready && !wait.changed.wait_for(lock, runtime_.options().connect_timeout, is_decided)) {
    lock.unlock();
    withdraw(key);
    lock.lock();
  }
  wait.changed.wait(lock, is_decided);
  if (wait.refused) throw *std::move(wait.refused);
}

/// Refuses a turn that waits for a node that does not get ready, as one does whose constructor
/// calls back.
void NodeHost::withdraw(const Key& key) {
  std::unique_ptr<QueuedTurn> turn;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = queue_.find(key);
    if (is_ready_ || entry == queue_.end()) return;
    turn = std::move(entry->second);
    queue_.erase(entry);
  }
  turn->refuse({CallCode::unavailable, name_ + " is not there yet"});
}

void NodeHost::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
      --active_;
      if (is_closed_) changed_.notify_all();
      return;
    }
  }
  reactor_.post([this] { work(); });
}

void NodeHost::drop(Cancellation& cancellation) {
  cancellation.cancel();
  std::unique_ptr<QueuedTurn> dropped;
  const std::lock_guard lock(mutex_);
  for (auto entry = queue_.begin(); entry != queue_.end(); ++entry) {
    if (!entry->second->is_for(cancellation)) continue;
    dropped = std::move(entry->second);
    queue_.erase(entry);
    return;
  }
}

void NodeHost::close() {
  std::map<Key, std::unique_ptr<QueuedTurn>> refused;
  std::optional<CallError> why;
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    refused.swap(queue_);
    why = why_closed();
  }
  for (auto& [key, turn] : refused) turn->refuse(*why);
  batcher_->refuse_all(*why);
}

void NodeHost::leave_program() {
  {
    const std::lock_guard lock(mutex_);
    is_absent_ = true;
  }
  close();
}

void NodeHost::reopen() {
  const std::lock_guard lock(mutex_);
  is_ready_ = false;
  is_closed_ = false;
  is_absent_ = false;
  stopping_ = {};
  listen_for_stop();
}

void NodeHost::release() {
  object_ = nullptr;
  foreign_calls_ = nullptr;
}

bool NodeHost::wait_until_idle(Deadline until) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, until, [&] { return active_ == 0; });
}

std::string NodeHost::place(std::string_view method) const {
  return fmt::format("{} {} (process {})", name_, method, getpid());
}

}  // namespace bourse::program
