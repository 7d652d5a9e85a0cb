#include "bourse/program/batcher.h"

#include <algorithm>
#include <utility>

#include "bourse/program/node_host.h"
#include "bourse/program/reactor.h"

namespace bourse::program {
namespace {

/// The turn of a batch.
class BatchTurn final : public QueuedTurn {
 public:
  BatchTurn(Batcher& batcher, const MethodInfo& method) : batcher_(batcher), method_(method) {}

  bool run(NodeHost& host) override {
    std::vector<std::unique_ptr<CallTask>> calls = batcher_.take(method_);
    std::erase_if(calls, [&](const auto& call) { return !call->is_wanted(host); });
    if (calls.empty()) return true;
    std::vector<BatchItem> items;
    Deadline latest = Deadline::min();
    for (const auto& call : calls) {
      items.push_back({.arguments = &call->arguments, .reply = {}, .error = {}});
      latest = std::max(latest, call->deadline);
    }
    const ChainLink link{host.spec().id, nullptr};
    const ContextScope scope({.runtime = &host.runtime(),
                              .node = host.spec().id,
                              .deadline = latest,
                              .chain = &link,
                              .cancellation = nullptr});
    const BatchOptions& options = host.spec().options.batch;
    method_.invoke_batch(host.object(), items, options.pads ? options.max : 0);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (items[i].error)
        calls[i]->reply->fail(items[i].error->at(host.place(method_.name)));
      else
        calls[i]->reply->finish(std::move(items[i].reply));
    }
    return true;
  }

  void refuse(const CallError& why) override {
    for (const auto& call : batcher_.take(method_)) call->refuse(why);
  }

 private:
  Batcher& batcher_;
  const MethodInfo& method_;
};

}  // namespace

void Batcher::add(std::unique_ptr<CallTask> call) {
  const MethodInfo& method = *call->method;
  {
    const std::lock_guard lock(mutex_);
    Waiting& waiting = waiting_[&method];
    waiting.calls.push_back(std::move(call));
    const std::size_t max = std::max<std::size_t>(1, host_.spec_.options.batch.max);
    if (waiting.calls.size() < max * (waiting.turns + 1)) return arm(method, waiting);
    ++waiting.turns;
  }
  send(method);
}

/// Requires mutex_. Sees to it that a turn is asked for when the oldest call has waited enough.
void Batcher::arm(const MethodInfo& method, Waiting& waiting) {
  if (waiting.turns > 0 || waiting.timer != 0 || waiting.calls.empty()) return;
  waiting.timer =
      host_.reactor_.call_at(deadline_in(host_.spec_.options.batch.timeout), [this, &method] {
        {
          const std::lock_guard timer_lock(mutex_);
          Waiting& due = waiting_[&method];
          due.timer = 0;
          if (due.turns > 0 || due.calls.empty()) return;
          ++due.turns;
        }
        send(method);
      });
}

void Batcher::send(const MethodInfo& method) {
  if (host_.enqueue(std::make_unique<BatchTurn>(*this, method), 0))
    host_.reactor_.post([this] { host_.work(); });
}

std::vector<std::unique_ptr<CallTask>> Batcher::take(const MethodInfo& method) {
  const std::lock_guard lock(mutex_);
  Waiting& waiting = waiting_[&method];
  if (waiting.turns > 0) --waiting.turns;
  const std::size_t count =
      std::min(waiting.calls.size(), std::max<std::size_t>(1, host_.spec_.options.batch.max));
  const auto end = waiting.calls.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<std::unique_ptr<CallTask>> batch(std::make_move_iterator(waiting.calls.begin()),
                                               std::make_move_iterator(end));
  waiting.calls.erase(waiting.calls.begin(), end);
  arm(method, waiting);
  return batch;
}

void Batcher::refuse_all(const CallError& why) {
  std::vector<std::unique_ptr<CallTask>> refused;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [method, waiting] : waiting_)
      for (auto& call : std::exchange(waiting.calls, {})) refused.push_back(std::move(call));
  }
  for (const auto& call : refused) call->refuse(why);
}

}  // namespace bourse::program
