#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>

#include "bourse/world/address.h"
#include "bourse/world/event_loop.h"
#include "bourse/world/network.h"

namespace bourse {

/// A listening socket. The file of a unix socket is removed with it.
class RealListener final : public Listener {
 public:
  using Callback = std::function<void(std::unique_ptr<Connection>)>;

  /// Errors: as Network::listen.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> make(EventLoop& loop,
                                                              const Address& address,
                                                              Callback on_accept);
  RealListener(EventLoop& loop, Descriptor socket, const AddressParts& parts, Callback on_accept);
  ~RealListener() override;

  [[nodiscard]] Address address() const override { return address_; }

 private:
  void accept_some();
  void pause();

  EventLoop& loop_;
  Descriptor socket_;
  std::string path_;  ///< Of a unix socket.
  dev_t device_ = 0;  ///< Which file at the path is ours.
  ino_t inode_ = 0;
  Address address_;
  std::shared_ptr<Callback> on_accept_;  ///< Owned by us and by the call that runs.
  EventLoop::WatchId watch_ = 0;
  TimerId resume_ = 0;
};

}  // namespace bourse
