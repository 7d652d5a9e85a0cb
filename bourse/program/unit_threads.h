#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/runtime.h"

namespace bourse::program {

/// Nodes that run in this process, a thread for each: it makes the object, calls run() if there is
/// one, and then waits for the end of the program.
class UnitThreads {
 public:
  /// Called from the thread of a node.
  struct Events {
    std::function<void(const NodeSpec&)> on_ready;
    std::function<void(const NodeSpec&)> on_returned;  ///< Of runners.
    /// With what the node threw; not once the program is stopping, when calls fail everywhere.
    std::function<void(const NodeSpec&, const std::string& message)> on_failed;
  };
  UnitThreads(Runtime& runtime, std::vector<const NodeSpec*> nodes, Events events);
  /// Requires that finish() has succeeded.
  ~UnitThreads();
  UnitThreads(const UnitThreads&) = delete;
  UnitThreads& operator=(const UnitThreads&) = delete;

  void start();
  /// Once the program is stopping: waits until all have ended. Returns the names of those that have
  /// not when `until` has passed.
  [[nodiscard]] std::vector<std::string> finish(Deadline until);

 private:
  void live(const NodeSpec& node);

  Runtime& runtime_;
  std::vector<const NodeSpec*> nodes_;
  Events events_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<const NodeSpec*> living_;  ///< Guarded by mutex_.
};

}  // namespace bourse::program
