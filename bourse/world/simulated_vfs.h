#pragma once

#include <memory>
#include <string>

#include "bourse/world/simulated_disk.h"
#include "bourse/world/simulated_schedule.h"

namespace bourse {

/// A file system of SQLite's over a simulated disk, for one process; with locks and the shared
/// memory of WAL mode among all processes of the disk. Sleeping takes no time.
class SimulatedVfs {
 public:
  SimulatedVfs(SimulatedDisk& disk, Life life);
  /// Every database that was opened by this name is closed.
  ~SimulatedVfs();
  SimulatedVfs(const SimulatedVfs&) = delete;
  SimulatedVfs& operator=(const SimulatedVfs&) = delete;

  [[nodiscard]] const char* name() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace bourse
