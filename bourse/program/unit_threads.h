#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
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

  /// Starts all, or all but spare ones.
  void start(bool with_spares);
  /// Has a node run, again if it has left before; or stop and leave.
  void add(const NodeSpec& node);
  void remove(const NodeSpec& node);
  /// Once the program is stopping: waits until all have ended. Returns the names of those that have
  /// not when `until` has passed.
  [[nodiscard]] std::vector<std::string> finish(Deadline until);

 private:
  void live(const NodeSpec& node);
  void live_while_wanted(const NodeSpec& node);
  [[nodiscard]] bool lives(const NodeSpec& node) const;

  Runtime& runtime_;
  std::vector<const NodeSpec*> nodes_;
  Events events_;
  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable changed_;
  std::map<std::uint32_t, std::thread> threads_;  ///< By node.
  std::vector<const NodeSpec*> living_;           ///< Their threads have not ended.
  std::set<std::uint32_t> wanted_;
};

}  // namespace bourse::program
