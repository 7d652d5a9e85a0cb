#include "bourse/program/handle_core.h"

#include <algorithm>
#include <utility>

#include "bourse/program/node_host.h"
#include "bourse/program/program_graph.h"
#include "bourse/program/runtime.h"

namespace bourse::program {
namespace {

/// The way of a call that stays in the process.
class LocalRoute final : public CallRoute {
 public:
  LocalRoute(std::shared_ptr<Runtime> runtime, NodeHost& host,
             std::shared_ptr<Cancellation> cancellation, std::string_view method)
      : runtime_(std::move(runtime)),
        host_(host),
        cancellation_(std::move(cancellation)),
        method_(method) {}

  void wait(FutureCore& call, Deadline until) override { call.sleep_until(until); }
  void attend(const std::shared_ptr<FutureCore>& call) override {
    if (call->deadline() == kNoDeadline) return;
    runtime_->reactor()->call_at(call->deadline(), [weak = std::weak_ptr(call)] {
      if (const auto still = weak.lock(); still && !still->is_done()) still->expire();
    });
  }
  void cancel(std::uint64_t) override { host_.drop(*cancellation_); }
  void post(std::function<void()> continuation) override {
    if (!runtime_->reactor()->post(continuation)) continuation();
  }
  [[nodiscard]] std::string target() const override { return host_.place(method_); }

 private:
  std::shared_ptr<Runtime> runtime_;  ///< Owned by the run, and by calls that may outlive it.
  NodeHost& host_;
  std::shared_ptr<Cancellation> cancellation_;  ///< Owned by us and by the call.
  std::string_view method_;
};

}  // namespace

HandleCore HandleCore::of_this_program(std::uint32_t node) {
  Runtime* const runtime = context().runtime;
  if (runtime == nullptr) return {};
  return {runtime->shared_graph(), node};
}

std::string HandleCore::name() const { return graph_ ? graph_->node_name(node_) : "no node"; }

std::uint32_t HandleCore::incarnation() const {
  const Site where = site();
  if (where.host != nullptr) return where.runtime->options().incarnation;
  return where.runtime->channel_to(node_)->incarnation();
}

std::optional<std::vector<std::uint32_t>> HandleCore::present_group() const {
  if (!graph_ || node_ >= graph_->nodes.size()) return std::nullopt;
  const std::string& label = graph_->nodes[node_].label;
  if (!graph_->is_elastic(label)) return std::nullopt;
  const Site where = site();
  const std::vector<std::uint32_t> absent = where.runtime->directory().absent_units();
  std::vector<std::uint32_t> present;
  for (const NodeSpec& node : graph_->nodes)
    if (node.label == label && !std::ranges::binary_search(absent, node.unit))
      present.push_back(node.id);
  return present;
}

HandleCore::Site HandleCore::site() const {
  Site site;
  const CallContext& current = context();
  if (!graph_) throw CallError(CallCode::failed_precondition, "the handle is empty");
  site.runtime = current.runtime;
  if (site.runtime == nullptr || &site.runtime->graph() != graph_.get()) {
    const std::lock_guard lock(graph_->mutex);
    site.kept = graph_->runtime;
    site.runtime = site.kept.get();
  }
  if (site.runtime == nullptr)
    throw CallError(CallCode::failed_precondition, "a handle of '" + graph_->name +
                                                       "' is used, but the program does not run; " +
                                                       "launch() it first");
  const Runtime::Options& options = site.runtime->options();
  const Nanoseconds timeout =
      settings.timeout > Nanoseconds(0) ? settings.timeout : options.call_timeout;
  site.deadline = current.deadline;
  if (timeout > Nanoseconds(0)) site.deadline = std::min(site.deadline, deadline_in(timeout));
  if (!options.forces_wire || node_ >= kHostDeskNode) site.host = site.runtime->host(node_);
  site.is_direct =
      site.host != nullptr && site.deadline == kNoDeadline && !site.host->spec().make_foreign_calls;
  return site;
}

void HandleCore::start(const Site& site, const MethodInfo& method, Message arguments,
                       const std::shared_ptr<FutureCore>& core) const {
  if (node_ < kLowestHostNode)
    core->count_at(site.runtime->edges().at(context().node, node_), arguments.size());
  if (site.deadline != kNoDeadline && now() >= site.deadline)
    return core->fail({CallCode::deadline_exceeded, "the deadline had passed before the call"});
  if (site.host == nullptr) {
    const CallOrder order{.method = &method,
                          .node = node_,
                          .priority = settings.priority,
                          .fails_fast = settings.fails_fast,
                          .is_idempotent = settings.is_idempotent || method.is_idempotent,
                          .deadline = site.deadline};
    return site.runtime->channel_to(node_)->start(order, std::move(arguments), core);
  }
  auto task = std::make_unique<CallTask>();
  if (!site.host->spec().make_foreign_calls) task->method = &method;
  task->method_id = method.id;
  task->schema = method.schema;
  task->arguments = std::move(arguments);
  task->reply = core;
  task->deadline = site.deadline;
  task->priority = settings.priority;
  task->chain = chain_of(context().chain);
  task->cancellation = std::make_shared<Cancellation>();
  core->take_route(std::make_shared<LocalRoute>(site.runtime->shared_from_this(), *site.host,
                                                task->cancellation, method.name),
                   0, site.deadline);
  site.host->submit(std::move(task));
}

DirectCall::DirectCall(const HandleCore::Site& site, const MethodInfo& method)
    : host_(*site.host),
      method_(method),
      edge_(*site.runtime->edges().at(context().node, host_.spec().id)),
      began_(now()),
      outer_(context()) {
  host_.enter();
  link_ = {host_.spec().id, outer_.chain};
  context() = {.runtime = site.runtime,
               .node = link_.node,
               .deadline = outer_.deadline,
               .chain = &link_,
               .cancellation = outer_.cancellation};
}

DirectCall::~DirectCall() {
  context() = outer_;
  host_.leave();
  edge_.add(now() - began_, 0, 0, has_failed_);
}

void* DirectCall::object() const { return host_.object(); }

void DirectCall::rethrow() const {
  has_failed_ = true;
  throw error_of_current_exception().at(host_.place(method_.name));
}

}  // namespace bourse::program
