#include "bourse/engine/agent_hub.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr Seconds kLongestWatchPause{0.75};
/// With short leases it is looked more often.
constexpr double kWatchesPerLease = 20;
/// Later than the lease by this share: an agent has ended its tasks by then.
constexpr double kLeaseMargin = 0.2;
/// A watch that comes so late tells of a daemon that slept, not of agents that are silent.
constexpr Seconds kSlept{1};
constexpr Seconds kHelloDeadline{10};
constexpr std::size_t kMostUnsent = 16 * kMaxAgentMessage;
constexpr std::size_t kMostStrangers = 1000;

}  // namespace

AgentHub::AgentHub(World& world, AgentHubListener& listener) : world_(world), listener_(listener) {
  watch_in(kLongestWatchPause);
}

AgentHub::~AgentHub() { world_.clock.cancel(watch_timer_); }

Result<void> AgentHub::listen(const Address& address) {
  BOURSE_TRY(network_listener_,
             world_.network.listen(address, [this](std::unique_ptr<Connection> connection) {
               on_accept(std::move(connection));
             }));
  return {};
}

Address AgentHub::address() const {
  BOURSE_CHECK(network_listener_ != nullptr);
  return network_listener_->address();
}

void AgentHub::expect(const CellSpec& cell, const Expectation& expectation) {
  const Seconds heard_of = world_.clock.now() + expectation.patience;
  const bool is_new = cells_
                          .emplace(cell.id, Cell{.secret = cell.token,
                                                 .grace = cell.grace,
                                                 .lease = cell.lease,
                                                 .heard_of = heard_of,
                                                 .agent = expectation.agent})
                          .second;
  BOURSE_CHECK(is_new);
}

void AgentHub::expected_all() { has_expected_all_ = true; }

void AgentHub::stop(CellId id, bool is_urgent) {
  const auto entry = cells_.find(id);
  if (entry == cells_.end() || entry->second.phase == CellPhase::ended) return;
  Cell& cell = entry->second;
  if (cell.stop && (*cell.stop || !is_urgent)) return;
  cell.stop = is_urgent;
  cell.phase = CellPhase::stopping;
  send(cell, AgentStop{.grace = cell.grace, .is_urgent = is_urgent});
}

void AgentHub::acknowledge(CellId id, std::uint64_t number) {
  const auto entry = cells_.find(id);
  if (entry != cells_.end()) send(entry->second, AgentAcknowledge{number});
}

void AgentHub::forget(CellId id) {
  const auto entry = cells_.find(id);
  if (entry == cells_.end()) return;
  const PeerId peer = entry->second.peer;
  const bool has_ended = entry->second.phase == CellPhase::ended;
  cells_.erase(entry);
  if (peer == 0) return;
  // An agent whose cell has ended leaves by itself.
  if (has_ended)
    set_aside(peer);
  else
    turn_away(peer, "the cell is not current any more");
}

void AgentHub::give_up(CellId id) {
  const auto entry = cells_.find(id);
  if (entry == cells_.end()) return;
  entry->second.is_silent = true;
  if (const PeerId peer = std::exchange(entry->second.peer, 0); peer != 0)
    turn_away(peer, "the cell is taken for lost");
}

std::uint64_t AgentHub::last_event(CellId id) const {
  const auto entry = cells_.find(id);
  return entry == cells_.end() ? 0 : entry->second.last_event;
}

bool AgentHub::is_connected(CellId id) const {
  const auto entry = cells_.find(id);
  return entry != cells_.end() && entry->second.peer != 0;
}

std::vector<CellStatus> AgentHub::cells() const {
  std::vector<CellStatus> statuses;
  for (const auto& [id, cell] : cells_)
    if (cell.phase != CellPhase::ended)
      statuses.push_back({.id = id,
                          .phase = cell.phase,
                          .heard_of = std::max(Seconds(0), world_.clock.now() - cell.heard_of)});
  return statuses;
}

void AgentHub::on_accept(std::unique_ptr<Connection> connection) {
  if (peers_.size() >= cells_.size() + kMostStrangers) return;  // Closed again.
  const PeerId id = ++last_peer_;
  Peer& peer = peers_[id];
  peer.connection = std::move(connection);
  peer.since = world_.clock.now();
  peer.connection->on_data([this, id](std::string_view bytes) { on_data(id, bytes); });
  peer.connection->on_close([this, id](const Error&) { on_close(id); });
}

void AgentHub::on_data(PeerId id, std::string_view bytes) {
  const auto frames = peers_.at(id).reader.add(bytes);
  if (!frames) return cut_off(id, frames.error().message);
  for (const AgentFrame& frame : *frames) {
    if (const auto handled = handle(id, frame); !handled)
      return cut_off(id, handled.error().message);
    if (!peers_.contains(id)) return;  // What was told made our listener end it.
  }
}

void AgentHub::on_close(PeerId id) {
  const std::optional<CellId> cell = peers_.at(id).cell;
  peers_.erase(id);
  if (!cell) return;
  const auto entry = cells_.find(*cell);
  if (entry == cells_.end() || entry->second.peer != id) return;
  entry->second.peer = 0;
  listener_.on_broken(*cell);
}

Result<void> AgentHub::handle(PeerId id, const AgentFrame& frame) {
  Peer& peer = peers_.at(id);
  if (peer.is_turned_away) return {};
  BOURSE_TRY(const AgentMessage message, open(peer, frame));
  if (const auto* const knock = std::get_if<AgentKnock>(&message)) {
    if (peer.seal || peer.cell) return invalid("it knocked twice");
    return handle_knock(id, *knock);
  }
  if (const auto* const hello = std::get_if<AgentHello>(&message)) {
    if (peer.cell) return invalid("it said hello twice");
    return handle_hello(id, *hello);
  }
  if (!peer.cell) return invalid("it did not say hello");
  Cell& cell = cells_.at(*peer.cell);
  cell.heard_of = world_.clock.now();
  if (const auto* const heartbeat = std::get_if<AgentHeartbeat>(&message)) {
    send(cell, *heartbeat);
    return {};
  }
  if (const auto* const event = std::get_if<CellEvent>(&message))
    return handle_event(*peer.cell, *event);
  return invalid("it said what only a daemon says");
}

Result<AgentMessage> AgentHub::open(Peer& peer, const AgentFrame& frame) {
  if (!peer.seal) return parse_message(frame.text);
  auto message = peer.seal->open(frame);
  if (!message && !peer.cell && message.error().code == ErrorCode::unauthenticated)
    return invalid(fmt::format("it does not know the secret of cell {}", text_of(*peer.claimed)));
  return message;
}

Result<void> AgentHub::handle_knock(PeerId id, const AgentKnock& knock) {
  const auto entry = cells_.find(knock.cell);
  if (entry == cells_.end()) {
    turn_away_stranger(id);
    return {};
  }
  Peer& peer = peers_.at(id);
  const AgentChallenge challenge{world_.random.token()};
  peer.claimed = knock.cell;
  peer.seal.emplace(AgentSeal::End::daemon, AgentSeal::Handshake{.secret = entry->second.secret,
                                                                 .cell = knock.cell,
                                                                 .agent_nonce = knock.nonce,
                                                                 .daemon_nonce = challenge.nonce});
  send(peer, challenge);
  return {};
}

Result<void> AgentHub::handle_hello(PeerId id, const AgentHello& hello) {
  const auto entry = cells_.find(hello.cell);
  if (entry == cells_.end()) {
    turn_away_stranger(id);
    return {};
  }
  const Cell& cell = entry->second;
  const Peer& peer = peers_.at(id);
  if (peer.seal && hello.cell != *peer.claimed) return invalid("it told of another cell");
  if (!peer.seal && !is_said_in_plain(cell.secret))
    return invalid(
        fmt::format("the secret of cell {} must be proved, not said; is its "
                    "bourse-agent of an older version?",
                    text_of(hello.cell)));
  if (!peer.seal && !is_same_secret(hello.token, cell.secret))
    return invalid(fmt::format("it does not know the secret of cell {}", text_of(hello.cell)));
  // A machine or a batch system may start one twice; what the first has begun is not begun again.
  if (cell.agent.pid != 0 && hello.agent != cell.agent) {
    turn_away(id, "the cell has another agent");
    listener_.on_note(fmt::format("a second agent of cell {} is turned away", text_of(hello.cell)));
  } else if (cell.is_silent)
    turn_away(id, "the cell is taken for lost");
  else
    let_in(id, hello);
  return {};
}

void AgentHub::let_in(PeerId id, const AgentHello& hello) {
  Cell& cell = cells_.at(hello.cell);
  if (cell.peer != 0) peers_.erase(cell.peer);  // It came again before we saw that it had gone.
  peers_.at(id).cell = hello.cell;
  cell.peer = id;
  cell.agent = hello.agent;
  cell.heard_of = world_.clock.now();
  // It has ended for us once the event says so.
  if (cell.phase != CellPhase::ended)
    cell.phase = std::max(cell.phase, std::min(hello.phase, CellPhase::stopping));
  // Our listener writes down that it came before it may begin.
  listener_.on_agent(hello.cell, hello.agent);
  const auto entry = cells_.find(hello.cell);
  if (entry == cells_.end() || entry->second.peer != id) return;
  if (entry->second.stop)
    send(entry->second, AgentStop{.grace = entry->second.grace, .is_urgent = *entry->second.stop});
  else
    send(entry->second, AgentGo{});
}

Result<void> AgentHub::handle_event(CellId id, const CellEvent& event) {
  Cell& cell = cells_.at(id);
  if (event.cell != id) return invalid("it told of another cell");
  if (event.number <= cell.last_event) return {};  // Told again, as it was not acknowledged.
  if (cell.last_event != 0 && event.number != cell.last_event + 1)
    return invalid(fmt::format("it told event {} after event {}", event.number, cell.last_event));
  cell.last_event = event.number;
  if (event.kind == CellEventKind::started) cell.phase = std::max(cell.phase, CellPhase::running);
  if (event.kind == CellEventKind::ended) cell.phase = CellPhase::ended;
  listener_.on_event(event);
  return {};
}

/// Of a cell that is not known. A cell that was forgotten has no secret any more to show that we
/// are its daemon: its agent believes us over a unix socket, and ends with its lease elsewhere.
void AgentHub::turn_away_stranger(PeerId id) {
  if (has_expected_all_)
    turn_away(id, "the cell is not current");
  else
    peers_.erase(id);
}

/// Told to end, it has a while to take it in.
void AgentHub::turn_away(PeerId id, const std::string& reason) {
  set_aside(id);
  send(peers_.at(id), AgentEnd{reason});
}

void AgentHub::set_aside(PeerId id) {
  Peer& peer = peers_.at(id);
  peer.cell.reset();
  peer.is_turned_away = true;
  peer.since = world_.clock.now();
}

void AgentHub::cut_off(PeerId id, const std::string& why) {
  listener_.on_note(fmt::format("an agent is cut off: {}", why));
  if (peers_.contains(id)) on_close(id);
}

void AgentHub::send(Peer& peer, const AgentMessage& message) {
  peer.connection->send(peer.seal ? peer.seal->seal(message) : encode(message));
}

void AgentHub::send(const Cell& cell, const AgentMessage& message) {
  if (cell.peer != 0) send(peers_.at(cell.peer), message);
}

void AgentHub::watch_in(Seconds pause) {
  watch_due_ = world_.clock.now() + pause;
  watch_timer_ = world_.clock.call_at(watch_due_, [this] { watch(); });
}

void AgentHub::watch() {
  const Seconds now = world_.clock.now();
  if (now > watch_due_ + kSlept)
    for (auto& [id, cell] : cells_) cell.heard_of = std::max(cell.heard_of, now);

  std::vector<PeerId> useless;
  for (const auto& [id, peer] : peers_)
    if ((!peer.cell && now > peer.since + kHelloDeadline) ||
        peer.connection->unsent() > kMostUnsent)
      useless.push_back(id);
  for (const PeerId id : useless)
    if (peers_.contains(id)) on_close(id);

  std::vector<CellId> silent;
  Seconds pause = kLongestWatchPause;
  for (auto& [id, cell] : cells_) {
    pause = std::min(pause, cell.lease / kWatchesPerLease);
    if (cell.phase == CellPhase::ended || cell.is_silent) continue;
    cell.is_silent = now > cell.heard_of + cell.lease * (1 + kLeaseMargin);
    if (cell.is_silent) silent.push_back(id);
  }
  watch_in(pause);
  for (const CellId id : silent)
    if (cells_.contains(id)) listener_.on_silent(id);
}

}  // namespace bourse
