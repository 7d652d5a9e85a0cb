#pragma once

#include <csignal>
#include <functional>

#include "bourse/world/descriptor.h"
#include "bourse/world/event_loop.h"

namespace bourse {

/// Calls back from the loop when this process gets a signal, instead of what the signal did before,
/// as long as it lives. No signal is blocked. One watch a signal in a process.
class SignalWatch {
 public:
  SignalWatch(EventLoop& loop, int signal, std::function<void()> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  EventLoop& loop_;
  int signal_;
  Descriptor arrived_;
  EventLoop::WatchId watch_ = 0;
  struct sigaction before_{};
};

}  // namespace bourse
