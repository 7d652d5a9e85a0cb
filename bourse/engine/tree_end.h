#pragma once

#include <functional>
#include <set>

#include "bourse/engine/alive.h"
#include "bourse/world/world.h"

namespace bourse {

/// Ends processes until none is left: asks with SIGTERM, kills with SIGKILL once the grace is over.
/// A process that is made meanwhile is ended too.
class TreeEnd {
 public:
  /// All that live and must not, as of now.
  using Find = std::function<std::vector<ProcessId>()>;

  /// `on_none` is called once, from the loop, when `find` has found none.
  TreeEnd(World& world, Find find, std::function<void()> on_none);
  ~TreeEnd();
  TreeEnd(const TreeEnd&) = delete;
  TreeEnd& operator=(const TreeEnd&) = delete;

  /// SIGTERM, and SIGKILL `grace` from now unless that was to come earlier. A process gets one
  /// SIGTERM, however often this is called.
  void ask(Seconds grace);
  /// SIGKILL.
  void kill();
  /// A process has ended: look soon whether any is left. Without this it is looked for ever less
  /// often, up to once a second.
  void look();

  /// Most processes found at a time, for the sentence that tells of them.
  [[nodiscard]] std::size_t most_found() const { return most_found_; }

 private:
  void turn();
  void turn_in(Seconds delay);

  World& world_;
  Find find_;
  std::function<void()> on_none_;
  std::set<ProcessId> asked_;
  Seconds kill_at_ = kForever;
  Seconds pause_;  ///< Until the next look.
  std::size_t most_found_ = 0;
  TimerId timer_ = 0;
};

}  // namespace bourse
