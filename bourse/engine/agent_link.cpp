#include "bourse/engine/agent_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bourse {
namespace {

constexpr Seconds kFirstPause{0.05};
constexpr Seconds kLongestPause{1};
constexpr std::size_t kMostUnsentToHub = 4 * kMaxAgentMessage;

}  // namespace

AgentLink::AgentLink(World& world, Address daemon, Listener listener)
    : world_(world),
      daemon_(std::move(daemon)),
      listener_(std::move(listener)),
      pause_(kFirstPause) {}

AgentLink::~AgentLink() { world_.clock.cancel(timer_); }

void AgentLink::connect() {
  timer_ = 0;
  world_.network.connect(daemon_,
                         alive_.guard([this](Result<std::unique_ptr<Connection>> connection) {
                           on_connection(std::move(connection));
                         }));
}

void AgentLink::on_connection(Result<std::unique_ptr<Connection>> connection) {
  if (!connection) return try_again();
  connection_ = *std::move(connection);
  reader_ = {};
  connection_->on_data([this](std::string_view bytes) { on_data(bytes); });
  connection_->on_close([this](const Error& error) {
    listener_.log(fmt::format("the daemon is gone: {}", error.message));
    try_again();
  });
  listener_.on_connect();
}

void AgentLink::on_data(std::string_view bytes) {
  const auto messages = reader_.add(bytes);
  if (!messages) {
    listener_.log(fmt::format("the daemon is cut off: {}", messages.error().message));
    return try_again();
  }
  pause_ = kFirstPause;
  const std::weak_ptr<int> alive = alive_.mark();
  for (const AgentMessage& message : *messages) {
    listener_.on_message(message);
    if (alive.expired()) return;
  }
}

void AgentLink::try_again() {
  connection_.reset();
  timer_ = world_.clock.call_in(pause_, [this] { connect(); });
  pause_ = std::min(pause_ * 2, kLongestPause);
}

bool AgentLink::is_clear() const {
  return connection_ != nullptr && connection_->unsent() < kMostUnsentToHub;
}

void AgentLink::send(const AgentMessage& message) {
  if (connection_ != nullptr) connection_->send(encode(message));
}

}  // namespace bourse
