#include "bourse/program/runtime.h"

#include <utility>

namespace bourse::program {

Runtime::Runtime(std::shared_ptr<ProgramGraph> graph, Options options,
                 std::shared_ptr<Directory> directory)
    : graph_(std::move(graph)),
      options_(std::move(options)),
      directory_(std::move(directory)),
      reactor_(std::make_shared<Reactor>()),
      by_node_(graph_->nodes.size()) {}

Runtime::~Runtime() { (void)shut_down(kNoDeadline); }

NodeHost& Runtime::add_host(const NodeSpec& spec) {
  auto host = std::make_unique<NodeHost>(*this, *reactor_, spec);
  NodeHost& added = *host;
  if (spec.id < by_node_.size()) by_node_[spec.id] = &added;
  hosts_[spec.id] = std::move(host);
  return added;
}

NodeHost* Runtime::host(std::uint32_t node) const {
  if (node < by_node_.size()) return by_node_[node];
  const auto found = hosts_.find(node);
  return found == hosts_.end() ? nullptr : found->second.get();
}

std::shared_ptr<Channel> Runtime::channel_to(std::uint32_t node) {
  const bool is_control = node == kControlNode || node == kHostDeskNode;
  const bool is_host = !is_control && node >= kLowestHostNode;
  if (!is_control && !is_host && node >= graph_->nodes.size())
    throw CallError(CallCode::not_found, "a handle names a node that the program does not have");
  const std::uint32_t unit = is_control ? kControlUnit : is_host ? node : graph_->nodes[node].unit;
  const std::lock_guard lock(mutex_);
  if (is_shut_down_) throw CallError(CallCode::cancelled, "the program has stopped");
  std::shared_ptr<Channel>& channel = channels_[unit];
  if (!channel)
    channel =
        std::make_shared<Channel>(reactor_, directory_,
                                  Channel::Options{.unit = unit,
                                                   .peer = is_control ? "the launcher"
                                                           : is_host  ? "a task of the job"
                                                                      : graph_->unit_name(unit),
                                                   .agreement = options_.agreement,
                                                   .connect_timeout = options_.connect_timeout});
  return channel;
}

Result<Address> Runtime::serve(const Address& address) {
  BOURSE_TRY(ListeningSocket listening, listen_at(address));
  server_ = std::make_unique<Server>(
      *reactor_, std::move(listening),
      Server::Options{.agreement = options_.agreement, .incarnation = options_.incarnation},
      [this](std::uint32_t node) { return host(node); });
  return server_->address();
}

std::vector<std::string> Runtime::shut_down(Deadline until) {
  {
    const std::lock_guard lock(mutex_);
    if (is_shut_down_) return {};
  }
  stopping_.request_stop();
  if (server_) server_->refuse();
  for (const auto& [id, host] : hosts_) host->close();
  std::vector<std::string> busy;
  for (const auto& [id, host] : hosts_)
    if (!host->wait_until_idle(until)) busy.push_back(host->name());
  if (!busy.empty()) return busy;
  if (server_) {
    server_->drain(until);
    server_->close();
  }
  std::map<std::uint32_t, std::shared_ptr<Channel>> channels;
  {
    const std::lock_guard lock(mutex_);
    is_shut_down_ = true;
    channels.swap(channels_);
  }
  for (const auto& [unit, channel] : channels) channel->close();
  reactor_->stop();
  for (const auto& [id, host] : hosts_) host->release();
  return {};
}

}  // namespace bourse::program
