#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bourse/program/reactor.h"
#include "bourse/world/descriptor.h"

namespace bourse::program {

/// Calls back when this process gets SIGINT or SIGTERM, in the place of ending. The first of a
/// process has them; those made while it lives have none.
class StopSignals {
 public:
  StopSignals(Reactor& reactor, std::function<void(int signal)> callback);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  class Pipe;
  Reactor& reactor_;
  std::shared_ptr<Pipe>
      pipe_;  ///< Owned by us and by the reactor; null if another has the signals.
  Reactor::WatchId watch_ = 0;
};

/// The last signal that asked a program of this process to stop; 0 if none has.
[[nodiscard]] int last_stop_signal();

/// 128 random bits of the system in hexadecimal.
[[nodiscard]] std::string random_token();

}  // namespace bourse::program
