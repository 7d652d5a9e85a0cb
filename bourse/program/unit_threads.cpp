#include "bourse/program/unit_threads.h"

#include <algorithm>
#include <utility>

#include "bourse/program/context.h"

namespace bourse::program {

UnitThreads::UnitThreads(Runtime& runtime, std::vector<const NodeSpec*> nodes, Events events)
    : runtime_(runtime), nodes_(std::move(nodes)), events_(std::move(events)) {
  for (const NodeSpec* const node : nodes_) runtime_.add_host(*node);
}

UnitThreads::~UnitThreads() {
  for (auto& [node, thread] : threads_) thread.join();
}

void UnitThreads::start(bool with_spares) {
  for (const NodeSpec* const node : nodes_) {
    if (node->is_spare && !with_spares)
      runtime_.host(node->id)->leave_program();
    else
      add(*node);
  }
}

/// Requires mutex_.
bool UnitThreads::lives(const NodeSpec& node) const {
  return std::ranges::find(living_, &node) != living_.end();
}

void UnitThreads::add(const NodeSpec& node) {
  const std::lock_guard lock(mutex_);
  wanted_.insert(node.id);
  if (lives(node)) return;  // its thread goes on
  living_.push_back(&node);
  std::thread& thread = threads_[node.id];
  if (thread.joinable()) thread.join();  // it has let go of the lock for good
  runtime_.host(node.id)->reopen();
  thread = std::thread([this, &node] { live_while_wanted(node); });
}

void UnitThreads::remove(const NodeSpec& node) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.erase(node.id);
  }
  runtime_.host(node.id)->ask_to_stop();
}

void UnitThreads::live_while_wanted(const NodeSpec& node) {
  NodeHost& host = *runtime_.host(node.id);
  while (true) {
    live(node);
    const bool has_left = !runtime_.stop_token().stop_requested();
    if (has_left) {
      host.leave_program();
      (void)host.wait_until_idle(kNoDeadline);
      host.release();
    }
    const std::lock_guard lock(mutex_);
    if (has_left && wanted_.contains(node.id)) {
      host.reopen();
      continue;
    }
    std::erase(living_, &node);
    changed_.notify_all();
    return;
  }
}

void UnitThreads::live(const NodeSpec& node) {
  NodeHost& host = *runtime_.host(node.id);
  context() = {.runtime = &runtime_, .node = node.id};
  try {
    std::shared_ptr<void> object;
    std::unique_ptr<ForeignCalls> foreign_calls;
    if (node.make) object = node.make();
    if (node.make_foreign_calls) foreign_calls = node.make_foreign_calls();
    host.set_ready(std::move(object), std::move(foreign_calls));
    events_.on_ready(node);
    if (node.run) node.run(host.object());
    // One that was told to stop has not returned: what it was to do others do.
    if (node.is_runner() && !host.stop_token().stop_requested()) events_.on_returned(node);
  } catch (...) {
    host.close();
    if (!host.stop_token().stop_requested())
      events_.on_failed(node, error_of_current_exception().what());
  }
  wait_for_stop();
  context() = {};
}

std::vector<std::string> UnitThreads::finish(Deadline until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [&] { return living_.empty(); });
  std::vector<std::string> late;
  for (const NodeSpec* const node : living_) late.push_back(node->name());
  return late;
}

}  // namespace bourse::program
