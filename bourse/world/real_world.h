#pragma once

#include <functional>
#include <memory>

#include "bourse/world/world.h"

namespace bourse {

/// This machine, and the loop that calls back. One thread makes it, runs it and destroys it; that
/// is the thread whose end ends processes that die with us. What was got from the world
/// (connections, listeners, locks) is destroyed before it.
class RealWorld {
 public:
  RealWorld();
  ~RealWorld();
  RealWorld(const RealWorld&) = delete;
  RealWorld& operator=(const RealWorld&) = delete;

  [[nodiscard]] World& world();

  /// Waits and calls back until stop(); may be called again.
  void run();
  /// Lets run() return after the callback that calls this. For the loop's thread; others post it.
  void stop();
  /// Calls from the loop as soon as it can. The only function that any thread may call.
  void post(std::function<void()> call);
  /// Calls back for every arrival of the signal from now on, instead of what it did before. The
  /// signal is not blocked. Once a signal; no other RealWorld of the process may have it.
  void on_signal(int signal, std::function<void()> callback);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bourse
