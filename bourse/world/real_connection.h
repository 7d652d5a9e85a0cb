#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bourse/world/descriptor.h"
#include "bourse/world/event_loop.h"
#include "bourse/world/network.h"

namespace bourse {

/// A connected socket. Bytes that the system has not taken when it is destroyed are lost.
class RealConnection final : public Connection {
 public:
  /// `peer` is named in errors.
  RealConnection(EventLoop& loop, Descriptor socket, std::string peer);
  ~RealConnection() override;

  void send(std::string_view bytes) override;
  [[nodiscard]] std::size_t unsent() const override { return queue_.size() - sent_; }
  void on_data(std::function<void(std::string_view)> callback) override;
  void on_close(std::function<void(const Error&)> callback) override;
  [[nodiscard]] std::int64_t peer_user() const override;

 private:
  using DataCallback = std::function<void(std::string_view)>;

  void on_events(std::uint32_t events);
  void receive();
  void write_queue();
  void broken(const Error& error);

  EventLoop& loop_;
  Descriptor socket_;
  std::string peer_;
  EventLoop::WatchId watch_ = 0;
  std::string queue_;  ///< Bytes to send, after sent_ that were.
  std::size_t sent_ = 0;
  bool is_write_broken_ = false;
  /// Owned by us and by the call that runs, which may destroy us.
  std::shared_ptr<DataCallback> on_data_;
  std::function<void(const Error&)> on_close_;
};

}  // namespace bourse
