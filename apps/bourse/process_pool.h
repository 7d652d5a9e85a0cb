#pragma once

#include <functional>
#include <string>

#include "bourse/base/error.h"

namespace bourse {

/// Tells the parent how far the work is, in [0, 1].
using ShareDone = std::function<void(double)>;

/// Work that is done in processes of their own: item 0, 1, ... `count` - 1.
struct ProcessPlan {
  std::size_t count = 0;
  std::size_t at_once = 1;  ///< Processes at the same time, >= 1.
  /// Does one item in a process that is a copy of this one, and returns its exit code. What it
  /// leaves behind are files; what it prints on standard error is told if it fails.
  std::function<int(std::size_t item, const ShareDone& share_done)> work;
  /// Called in this process when an item has ended: "" if it exited with 0, else one sentence
  /// about why not.
  std::function<void(std::size_t item, const std::string& failure)> on_end;
  /// Called in this process about five times a second, with the share of all items.
  std::function<void(double)> on_progress;
};

/// Does all items. True when all have ended; false when the user interrupted (SIGINT, SIGTERM,
/// SIGHUP): then the running ones were ended, and no more of them lives.
/// Call from a process with one thread. Children end when this process does, however it ends.
/// Errors: unavailable if no process could be started.
[[nodiscard]] Result<bool> run_in_processes(const ProcessPlan& plan);

}  // namespace bourse
