#include "bourse/engine/agent_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bourse {
namespace {

constexpr Seconds kFirstPause{0.05};
constexpr Seconds kLongestPause{1};
constexpr std::string_view kUnixPrefix = "unix:";
constexpr std::size_t kMostUnsentToHub = 4 * kMaxAgentMessage;

}  // namespace

AgentLink::AgentLink(World& world, Ends ends, Listener listener)
    : world_(world), ends_(std::move(ends)), listener_(std::move(listener)), pause_(kFirstPause) {}

AgentLink::~AgentLink() { world_.clock.cancel(timer_); }

void AgentLink::connect() {
  timer_ = 0;
  world_.network.connect(ends_.daemon,
                         alive_.guard([this](Result<std::unique_ptr<Connection>> connection) {
                           on_connection(std::move(connection));
                         }));
}

void AgentLink::on_connection(Result<std::unique_ptr<Connection>> connection) {
  if (!connection) return try_again();
  connection_ = *std::move(connection);
  reader_ = {};
  seal_.reset();
  connection_->on_data([this](std::string_view bytes) { on_data(bytes); });
  connection_->on_close([this](const Error& error) {
    listener_.log(fmt::format("the daemon is gone: {}", error.message));
    try_again();
  });
  if (is_said_in_plain(ends_.secret)) return listener_.on_connect();
  nonce_ = world_.random.token();
  connection_->send(encode(AgentKnock{.cell = ends_.cell, .nonce = nonce_}));
}

void AgentLink::on_data(std::string_view bytes) {
  const auto frames = reader_.add(bytes);
  if (!frames) return leave(frames.error());
  const std::weak_ptr<int> alive = alive_.mark();
  for (const AgentFrame& frame : *frames) {
    const auto message = open(frame);
    if (!message) return leave(message.error());
    if (is_ready()) pause_ = kFirstPause;
    if (std::holds_alternative<AgentChallenge>(*message))
      listener_.on_connect();
    else
      listener_.on_message(*message);
    if (alive.expired()) return;
  }
}

Result<AgentMessage> AgentLink::open(const AgentFrame& frame) {
  if (seal_) return seal_->open(frame);
  if (is_said_in_plain(ends_.secret)) return parse_message(frame.text);
  return open_first(frame);
}

/// What somebody says who has not yet proved that it is our daemon.
Result<AgentMessage> AgentLink::open_first(const AgentFrame& frame) {
  BOURSE_TRY(const AgentMessage message, parse_message(frame.text));
  if (const auto* const challenge = std::get_if<AgentChallenge>(&message)) {
    AgentSeal seal(AgentSeal::End::agent, {.secret = ends_.secret,
                                           .cell = ends_.cell,
                                           .agent_nonce = nonce_,
                                           .daemon_nonce = challenge->nonce});
    BOURSE_TRY_VOID(seal.open(frame));
    seal_.emplace(std::move(seal));
    return message;
  }
  // A daemon that has forgotten the cell can prove nothing. Who listens at our unix socket is our
  // daemon all the same; elsewhere the lease ends the cell.
  if (std::holds_alternative<AgentEnd>(message) && ends_.daemon.text.starts_with(kUnixPrefix))
    return message;
  return fail(ErrorCode::unauthenticated, "it does not prove that it knows the secret of the cell");
}

bool AgentLink::is_ready() const {
  return connection_ != nullptr && (seal_.has_value() || is_said_in_plain(ends_.secret));
}

void AgentLink::leave(const Error& error) {
  listener_.log(fmt::format("the daemon is cut off: {}", error.message));
  try_again();
}

void AgentLink::try_again() {
  connection_.reset();
  timer_ = world_.clock.call_in(pause_, [this] { connect(); });
  pause_ = std::min(pause_ * 2, kLongestPause);
}

bool AgentLink::is_clear() const { return is_ready() && connection_->unsent() < kMostUnsentToHub; }

void AgentLink::send(const AgentMessage& message) {
  if (is_ready()) connection_->send(seal_ ? seal_->seal(message) : encode(message));
}

}  // namespace bourse
