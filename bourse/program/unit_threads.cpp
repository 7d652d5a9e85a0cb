#include "bourse/program/unit_threads.h"

#include <utility>

#include "bourse/program/context.h"

namespace bourse::program {

UnitThreads::UnitThreads(Runtime& runtime, std::vector<const NodeSpec*> nodes, Events events)
    : runtime_(runtime), nodes_(std::move(nodes)), events_(std::move(events)), living_(nodes_) {
  for (const NodeSpec* const node : nodes_) runtime_.add_host(*node);
}

UnitThreads::~UnitThreads() {
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void UnitThreads::start() {
  for (const NodeSpec* const node : nodes_) threads_.emplace_back([this, node] { live(*node); });
}

void UnitThreads::live(const NodeSpec& node) {
  context() = {.runtime = &runtime_, .node = node.id};
  try {
    std::shared_ptr<void> object;
    std::unique_ptr<ForeignCalls> foreign_calls;
    if (node.make) object = node.make();
    if (node.make_foreign_calls) foreign_calls = node.make_foreign_calls();
    NodeHost& host = *runtime_.host(node.id);
    host.set_ready(std::move(object), std::move(foreign_calls));
    events_.on_ready(node);
    if (node.run) node.run(host.object());
    if (node.is_runner()) events_.on_returned(node);
  } catch (...) {
    runtime_.host(node.id)->close();
    if (!runtime_.stop_token().stop_requested())
      events_.on_failed(node, error_of_current_exception().what());
  }
  wait_for_stop();
  context() = {};
  const std::lock_guard lock(mutex_);
  std::erase(living_, &node);
  changed_.notify_all();
}

std::vector<std::string> UnitThreads::finish(Deadline until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [&] { return living_.empty(); });
  std::vector<std::string> late;
  for (const NodeSpec* const node : living_) late.push_back(node->name());
  return late;
}

}  // namespace bourse::program
