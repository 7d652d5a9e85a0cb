#pragma once

#include <functional>
#include <memory>

#include "bourse/world/simulated_network.h"

namespace bourse {

/// One end of a simulated link.
class SimulatedConnection final : public Connection {
 public:
  SimulatedConnection(SimulatedNetworkHub& hub, std::shared_ptr<SimulatedLink> link, int end);
  ~SimulatedConnection() override;

  void send(std::string_view bytes) override;
  [[nodiscard]] std::size_t unsent() const override;
  void on_data(std::function<void(std::string_view)> callback) override;
  void on_close(std::function<void(const Error&)> callback) override;
  [[nodiscard]] std::int64_t peer_user() const override;

  /// From the hub. Both may destroy the connection.
  void receive(std::string_view bytes);
  void closed(const Error& error);

 private:
  using DataCallback = std::function<void(std::string_view)>;

  SimulatedNetworkHub& hub_;
  std::shared_ptr<SimulatedLink> link_;
  int end_;
  /// Owned by us and by the call that runs, which may destroy us.
  std::shared_ptr<DataCallback> on_data_;
  std::function<void(const Error&)> on_close_;
};

/// A place of the simulated network where connections are accepted.
class SimulatedListener final : public Listener {
 public:
  using Callback = std::function<void(std::unique_ptr<Connection>)>;

  SimulatedListener(SimulatedNetworkHub& hub, NetworkUser user, std::string key, Address address,
                    std::string path, Callback on_accept);
  ~SimulatedListener() override;

  [[nodiscard]] Address address() const override { return address_; }
  [[nodiscard]] const NetworkUser& user() const { return user_; }
  void accept(std::unique_ptr<Connection> connection);

 private:
  SimulatedNetworkHub& hub_;
  NetworkUser user_;
  std::string key_;
  Address address_;
  std::string path_;                     ///< Of a unix socket.
  std::shared_ptr<Callback> on_accept_;  ///< Owned by us and by the call that runs.
};

}  // namespace bourse
