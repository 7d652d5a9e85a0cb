#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// What a process wrote and what it took.
struct ProcessOutcome {
  std::string output;  ///< Standard output.
  double cpu_s = 0;    ///< User and system time, from start to end.
  /// Most memory it held. Never below what this process holds itself, which is a few megabytes.
  std::uint64_t peak_rss_bytes = 0;
};

/// Runs a program to its end; standard error passes through. `command` is its path and arguments.
/// Errors: unavailable if it cannot be started or does not end with exit status 0.
[[nodiscard]] Result<ProcessOutcome> run_process(const std::vector<std::string>& command);

/// Path of this program.
[[nodiscard]] std::string own_path();

/// Where the figures come from.
struct MachineInfo {
  std::string cpu;         ///< Model name; "unknown" if the system does not tell.
  unsigned cores = 0;      ///< Logical ones.
  double load_before = 0;  ///< Average over one minute when the run began.
  double load_after = 0;   ///< The same at its end.
};

/// This machine, with the load of now as load_before.
[[nodiscard]] MachineInfo this_machine();
/// Average number of runnable processes over the last minute; 0 if the system does not tell.
[[nodiscard]] double load_average();
/// Today, "2026-01-31T12:00:00Z".
[[nodiscard]] std::string date_text();

}  // namespace bourse
