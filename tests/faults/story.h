#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bourse/base/random.h"
#include "bourse/world/simulated_host.h"
#include "bourse/world/simulated_world.h"
#include "tests/faults/programs.h"
#include "tests/faults/witness.h"

namespace bourse::faults {

/// What a story came to.
struct Outcome {
  std::optional<std::string> violation;
  std::size_t jobs = 0;  ///< Accepted.
  int disasters = 0;
  std::uint64_t events = 0;   ///< Of the simulated world.
  std::uint64_t changes = 0;  ///< Of the disk.
};

/// A fault of the disk at one of its changes.
struct PlannedFault {
  std::uint64_t change = 0;  ///< 1 is the first; 0: none.
  DiskFault fault = DiskFault::error;
  bool is_power_cut = false;  ///< Of the crashes: the machine's instead of the daemon's.
};

/// The daemon, agents and tasks in a world that does to them what the seed says: a random cluster,
/// policy and weather, jobs of all kinds, and one disaster after the other. In the end the weather
/// is good, and all jobs must end.
[[nodiscard]] Outcome tell_story(std::uint64_t seed, bool is_told);

/// Six jobs in good weather, but for one fault of the disk.
[[nodiscard]] Outcome tell_quiet_story(PlannedFault fault, bool is_told);

/// Days of `jobs_per_day` jobs on a cluster, in good weather.
[[nodiscard]] Outcome tell_days(double days, int jobs_per_day, const std::string& machines,
                                bool is_told);

}  // namespace bourse::faults
