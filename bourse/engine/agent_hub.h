#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/agent_protocol.h"
#include "bourse/engine/agent_seal.h"
#include "bourse/world/world.h"

namespace bourse {

/// What a hub tells the engine it works for; called from the loop. All may call the hub.
class AgentHubListener {
 public:
  virtual ~AgentHubListener() = default;
  /// Once for each number of a cell, in order.
  virtual void on_event(const CellEvent& event) = 0;
  /// The agent of a cell has said hello.
  virtual void on_agent(CellId cell, ProcessId agent) = 0;
  /// The connection to the agent of a cell is broken; it may come back within the lease.
  virtual void on_broken(CellId cell) = 0;
  /// A cell that has not ended was not heard of for its lease and a little more: by now its agent
  /// has ended it, if it could. Told once.
  virtual void on_silent(CellId cell) = 0;
  /// One sentence for the log: a stranger was turned away, a peer spoke nonsense.
  virtual void on_note(const std::string& sentence) = 0;
};

/// The daemon's end of all agents, whatever started them. It lets in who proves that it knows the
/// secret of a cell that is current, tells it to go, and turns what it says into events; others are
/// told to end.
class AgentHub {
 public:
  AgentHub(World& world, AgentHubListener& listener);
  ~AgentHub();
  AgentHub(const AgentHub&) = delete;
  AgentHub& operator=(const AgentHub&) = delete;

  /// Errors: as Network::listen.
  [[nodiscard]] Result<void> listen(const Address& address);
  /// Where agents find us. Requires that listen() succeeded.
  [[nodiscard]] Address address() const;

  /// What an engine knows of a cell beside its specification.
  struct Expectation {
    Seconds patience{0};  ///< Its agent may come so much later than its lease.
    ProcessId agent;      ///< The only one that is let in; pid 0: the first that comes.
  };
  /// The cell is current from now on, heard of now. Requires that it is not known.
  void expect(const CellSpec& cell) { expect(cell, {}); }
  void expect(const CellSpec& cell, const Expectation& expectation);
  /// Agents of cells that are not known are told to end; until then they have to come again.
  void expected_all();
  /// The agent is told to stop, now or when it comes.
  void stop(CellId id, bool is_urgent);
  void acknowledge(CellId id, std::uint64_t number);
  /// The cell is taken for lost: its agent is not let in any more. It is known until forget().
  void give_up(CellId id);
  /// The cell is not current any more. Its agent, should it come, is told to end.
  void forget(CellId id);

  [[nodiscard]] bool is_known(CellId id) const { return cells_.contains(id); }
  [[nodiscard]] bool is_connected(CellId id) const;
  /// Number of the last event that was told; 0: none.
  [[nodiscard]] std::uint64_t last_event(CellId id) const;
  /// Cells that have not ended, ordered; without their hosts.
  [[nodiscard]] std::vector<CellStatus> cells() const;

 private:
  using PeerId = std::uint64_t;

  struct Peer {
    std::unique_ptr<Connection> connection;
    FrameReader reader;
    Seconds since{0};
    std::optional<CellId> claimed;  ///< The cell it says it is; with a seal.
    std::optional<AgentSeal> seal;  ///< None: in protocol 1, or it has not knocked.
    std::optional<CellId> cell;     ///< Once it was let in.
    bool is_turned_away = false;    ///< It was told to end; what it says is not heard.
  };

  struct Cell {
    std::string secret;
    Seconds grace{0};
    Seconds lease{0};
    CellPhase phase = CellPhase::starting;
    std::optional<bool> stop;  ///< Asked for; true: urgent.
    std::uint64_t last_event = 0;
    Seconds heard_of{0};
    ProcessId agent;
    PeerId peer = 0;  ///< 0: not connected.
    bool is_silent = false;
  };

  void on_accept(std::unique_ptr<Connection> connection);
  void on_data(PeerId id, std::string_view bytes);
  void on_close(PeerId id);
  // Errors: the peer is to be cut off.
  [[nodiscard]] Result<void> handle(PeerId id, const AgentFrame& frame);
  [[nodiscard]] static Result<AgentMessage> open(Peer& peer, const AgentFrame& frame);
  [[nodiscard]] Result<void> handle_knock(PeerId id, const AgentKnock& knock);
  [[nodiscard]] Result<void> handle_hello(PeerId id, const AgentHello& hello);
  void turn_away_stranger(PeerId id);
  [[nodiscard]] Result<void> handle_event(CellId id, const CellEvent& event);
  void let_in(PeerId id, const AgentHello& hello);
  void turn_away(PeerId id, const std::string& reason);
  /// The peer is not heard any more and closed after a while.
  void set_aside(PeerId id);
  void cut_off(PeerId id, const std::string& why);
  static void send(Peer& peer, const AgentMessage& message);
  void send(const Cell& cell, const AgentMessage& message);
  void watch();
  void watch_in(Seconds pause);

  World& world_;
  AgentHubListener& listener_;
  std::map<CellId, Cell> cells_;
  std::map<PeerId, Peer> peers_;
  PeerId last_peer_ = 0;
  bool has_expected_all_ = false;
  TimerId watch_timer_ = 0;
  Seconds watch_due_{0};
  std::unique_ptr<Listener> network_listener_;
};

}  // namespace bourse
