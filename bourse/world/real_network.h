#pragma once

#include <map>
#include <memory>

#include "bourse/world/event_loop.h"
#include "bourse/world/network.h"

namespace bourse {

/// Sockets of this machine. Names of hosts are looked up in threads of their own, but by listen(),
/// which waits for them.
class RealNetwork final : public Network {
 public:
  explicit RealNetwork(EventLoop& loop);
  ~RealNetwork() override;

  [[nodiscard]] Result<std::unique_ptr<Listener>> listen(
      const Address& address, std::function<void(std::unique_ptr<Connection>)> on_accept) override;
  void connect(const Address& address,
               std::function<void(Result<std::unique_ptr<Connection>>)> on_result) override;

 private:
  class Attempt;

  EventLoop& loop_;
  std::map<std::uint64_t, std::unique_ptr<Attempt>> attempts_;
  std::uint64_t last_attempt_ = 0;
};

}  // namespace bourse
