#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/base/check.h"
#include "bourse/engine/agent_protocol.h"
#include "bourse/world/world.h"

namespace bourse::testing {

/// Time that passes when a test says so.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] Seconds now() const override { return now_; }
  [[nodiscard]] Seconds unix_time() const override { return now_; }
  TimerId call_at(Seconds when, std::function<void()> callback) override {
    calls_[{std::max(when, now_), ++last_}] = std::move(callback);
    return last_;
  }
  void cancel(TimerId timer) override {
    std::erase_if(calls_, [&](const auto& call) { return call.first.second == timer; });
  }

  /// Lets time pass, with all calls due until then.
  void pass(Seconds time) {
    const Seconds end = now_ + time;
    while (!calls_.empty() && calls_.begin()->first.first <= end) {
      now_ = calls_.begin()->first.first;
      const auto callback = std::move(calls_.begin()->second);
      calls_.erase(calls_.begin());
      callback();
    }
    now_ = end;
  }

 private:
  Seconds now_{0};
  TimerId last_ = 0;
  std::map<std::pair<Seconds, TimerId>, std::function<void()>> calls_;
};

/// The far end of a connection to a hub: what the hub sent, and what a test sends to it.
struct FarEnd {
  std::function<void(std::string_view)> on_data;
  std::function<void(const Error&)> on_close;
  std::string received;
  bool is_closed = false;  ///< By the hub.

  void say(const AgentMessage& message) const { on_data(encode(message)); }
  /// Messages since the last time.
  std::vector<AgentMessage> take() {
    auto decoded = decode_messages(std::exchange(received, {}));
    BOURSE_CHECK(decoded.has_value());
    return std::move(decoded->messages);
  }
};

/// Hands every connection that a test makes to the one that listens.
class ManualNetwork final : public Network {
 public:
  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(
      const Address& address, std::function<void(std::unique_ptr<Connection>)> on_accept) override {
    on_accept_ = std::move(on_accept);
    return std::make_unique<AtAddress>(address);
  }
  void connect(const Address&, std::function<void(Result<std::unique_ptr<Connection>>)>) override {}

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

}  // namespace bourse::testing
