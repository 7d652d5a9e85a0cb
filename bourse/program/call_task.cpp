#include "bourse/program/call_task.h"

#include <algorithm>
#include <utility>

#include "bourse/program/node_host.h"

namespace bourse::program {

bool CallTask::is_wanted(const NodeHost& host) const {
  if (cancellation && cancellation->is_cancelled()) {
    reply->fail(CallError(CallCode::cancelled, "cancelled by the caller").at(host.place(name())));
    return false;
  }
  if (deadline != kNoDeadline && now() >= deadline) {
    const std::string why = "the deadline passed before it had its turn at " + host.name();
    reply->fail(CallError(CallCode::deadline_exceeded, why).at(host.place(name())));
    return false;
  }
  return true;
}

bool CallTask::run(NodeHost& host) {
  if (!is_wanted(host)) return true;
  std::vector<ChainLink> links(chain.size() + 1);
  for (std::size_t i = 0; i < chain.size(); ++i)
    links[i + 1] = {chain[i], i == 0 ? nullptr : &links[i]};
  links[0] = {host.spec().id, chain.empty() ? nullptr : &links.back()};
  const ContextScope scope({.runtime = &host.runtime(),
                            .node = host.spec().id,
                            .deadline = deadline,
                            .chain = links.data(),
                            .cancellation = cancellation.get()});
  try {
    if (ForeignCalls* const foreign = host.foreign_calls())
      foreign->handle(*this);
    else
      reply->finish(method->invoke(host.object(), arguments));
  } catch (...) {
    reply->fail(error_of_current_exception().at(host.place(name())));
  }
  return true;
}

void CallTask::refuse(const CallError& why) { reply->fail(why); }

std::vector<std::uint32_t> chain_of(const ChainLink* innermost) {
  std::vector<std::uint32_t> chain;
  for (; innermost != nullptr; innermost = innermost->caller) chain.push_back(innermost->node);
  std::ranges::reverse(chain);
  return chain;
}

}  // namespace bourse::program
