#include "bourse/program/context.h"

#include <algorithm>
#include <condition_variable>

#include "bourse/program/call_error.h"
#include "bourse/program/runtime.h"

namespace bourse::program {
namespace {

Runtime& runtime_of(const char* what) {
  if (context().runtime == nullptr)
    throw CallError(CallCode::failed_precondition,
                    std::string(what) +
                        " works in a node only: in its constructor, its run() and its handlers");
  return *context().runtime;
}

}  // namespace

CallContext& context() {
  thread_local CallContext current;
  return current;
}

void Cancellation::cancel() {
  is_cancelled_.store(true, std::memory_order_release);
  const std::lock_guard lock(mutex_);
  if (source_) source_->request_stop();
}

std::stop_token Cancellation::token() {
  const std::lock_guard lock(mutex_);
  if (!source_) source_.emplace();
  if (is_cancelled()) source_->request_stop();
  return source_->get_token();
}

std::string here() {
  const CallContext& current = context();
  if (current.runtime == nullptr) return "outside of the program";
  return current.runtime->graph().node_name(current.node);
}

void stop() { runtime_of("stop()").request_stop(); }

std::stop_token stop_token() {
  const Runtime& runtime = runtime_of("stop_token()");
  const NodeHost* const host = runtime.host(context().node);
  return host != nullptr ? host->stop_token() : runtime.stop_token();
}

bool wait_for_stop(std::optional<Nanoseconds> at_most) {
  (void)runtime_of("wait_for_stop()");
  const std::stop_token token = stop_token();
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  const auto never = [] { return false; };
  if (at_most)
    changed.wait_until(lock, token, deadline_in(*at_most), never);
  else
    changed.wait(lock, token, never);
  return token.stop_requested();
}

std::stop_token cancel_token() {
  Cancellation* const cancellation = context().cancellation;
  return cancellation != nullptr ? cancellation->token() : std::stop_token();
}

std::optional<Nanoseconds> time_left() {
  if (context().deadline == kNoDeadline) return std::nullopt;
  return std::max(Nanoseconds(0), Nanoseconds(context().deadline - now()));
}

std::string node_name() { return runtime_of("node_name()").graph().node_name(context().node); }

std::uint32_t node_index() {
  const ProgramGraph& graph = runtime_of("node_index()").graph();
  return context().node < graph.nodes.size() ? graph.nodes[context().node].index : 0;
}

std::vector<std::uint32_t> group_indices() {
  Runtime& runtime = runtime_of("group_indices()");
  std::vector<std::uint32_t> indices;
  if (context().node >= runtime.graph().nodes.size()) return indices;
  const std::vector<std::uint32_t> absent = runtime.directory().absent_units();
  const std::string& label = runtime.graph().nodes[context().node].label;
  for (const NodeSpec& node : runtime.graph().nodes)
    if (node.label == label && !std::ranges::binary_search(absent, node.unit))
      indices.push_back(node.index);
  return indices;
}

std::uint32_t incarnation() { return runtime_of("incarnation()").options().incarnation; }

}  // namespace bourse::program
