#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bourse/base/check.h"
#include "bourse/engine/agent_protocol.h"
#include "bourse/engine/agent_seal.h"
#include "bourse/world/manual_clock.h"
#include "bourse/world/world.h"

namespace bourse::testing {

/// The far end of a connection: what our end sent, and what a test sends to it.
struct FarEnd {
  std::function<void(std::string_view)> on_data;
  std::function<void(const Error&)> on_close;
  std::string received;
  bool is_closed = false;  ///< By our end.
  std::optional<AgentSeal> seal;
  std::string said;  ///< All that say() sent.

  void say(const AgentMessage& message) {
    const std::string bytes = seal ? seal->seal(message) : encode(message);
    said += bytes;
    on_data(bytes);
  }
  /// Frames since the last time.
  std::vector<AgentFrame> take_frames() {
    auto frames = FrameReader().add(std::exchange(received, {}));
    BOURSE_CHECK(frames.has_value());
    return *std::move(frames);
  }
  /// Messages since the last time.
  std::vector<AgentMessage> take() {
    std::vector<AgentMessage> messages;
    for (const AgentFrame& frame : take_frames()) {
      auto message = seal ? seal->open(frame) : parse_message(frame.text);
      BOURSE_CHECK(message.has_value());
      messages.push_back(*std::move(message));
    }
    return messages;
  }
};

/// The nonce of an agent that a test plays.
inline constexpr std::string_view kAgentNonce = "000102030405060708090a0b0c0d0e0f";

/// An agent that a test plays knocks and takes up the seal that follows from the answer. No seal if
/// the hub does not know the cell; one that is of no use if the secret is not the cell's.
inline void knock(FarEnd& agent, CellId cell, const std::string& secret) {
  agent.say(AgentKnock{.cell = cell, .nonce = std::string(kAgentNonce)});
  if (agent.is_closed) return;
  const auto frames = FrameReader().add(agent.received);
  BOURSE_CHECK(frames.has_value() && frames->size() == 1);
  const auto message = parse_message(frames->front().text);
  const auto* const challenge = message ? std::get_if<AgentChallenge>(&*message) : nullptr;
  if (challenge == nullptr) return;
  agent.received.clear();
  agent.seal.emplace(AgentSeal::End::agent,
                     AgentSeal::Handshake{.secret = secret,
                                          .cell = cell,
                                          .agent_nonce = std::string(kAgentNonce),
                                          .daemon_nonce = challenge->nonce});
  (void)agent.seal->open(frames->front());
}

/// Hands every connection that a test makes to the one that listens.
class ManualNetwork final : public Network {
 public:
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(
      const Address& address, std::function<void(std::unique_ptr<Connection>)> on_accept) override {
    on_accept_ = std::move(on_accept);
    return std::make_unique<AtAddress>(address);
  }
  void connect(const Address&,
               std::function<void(Result<std::unique_ptr<Connection>>)> on_done) override {
    dialed = std::make_shared<FarEnd>();
    on_done(std::make_unique<NearEnd>(dialed));
  }

  std::shared_ptr<FarEnd> dialed;  ///< Who was last called.

  std::shared_ptr<FarEnd> connect() {
    auto end = std::make_shared<FarEnd>();
    on_accept_(std::make_unique<NearEnd>(end));
    return end;
  }

 private:
  class AtAddress final : public Listener {
   public:
    explicit AtAddress(Address address) : address_(std::move(address)) {}
    [[nodiscard]] Address address() const override { return address_; }

   private:
    Address address_;
  };

  class NearEnd final : public Connection {
   public:
    explicit NearEnd(std::shared_ptr<FarEnd> end) : end_(std::move(end)) {}
    ~NearEnd() override { end_->is_closed = true; }
    NearEnd(const NearEnd&) = delete;
    NearEnd& operator=(const NearEnd&) = delete;
    void send(std::string_view bytes) override { end_->received += bytes; }
    [[nodiscard]] std::size_t unsent() const override { return 0; }
    void on_data(std::function<void(std::string_view)> callback) override {
      end_->on_data = std::move(callback);
    }
    void on_close(std::function<void(const Error&)> callback) override {
      end_->on_close = std::move(callback);
    }
    [[nodiscard]] std::int64_t peer_user() const override { return 0; }

   private:
    std::shared_ptr<FarEnd> end_;  ///< Shared with the test, which looks at it after we are gone.
  };

  std::function<void(std::unique_ptr<Connection>)> on_accept_;
};

/// Starts none.
class NoProcesses final : public Processes {
 public:
  [[nodiscard]] Result<ProcessId> spawn(ProcessOptions) override {
    return fail(ErrorCode::unavailable, "none");
  }
  void signal(ProcessId, int) override {}
  [[nodiscard]] bool is_alive(ProcessId) const override { return false; }
  [[nodiscard]] std::vector<ProcessId> descendants(ProcessId) const override { return {}; }
  [[nodiscard]] std::vector<ProcessId> with_variable(std::string_view) const override { return {}; }
  [[nodiscard]] ProcessId self() const override { return {}; }
  void adopt_orphans() override {}
};

}  // namespace bourse::testing
