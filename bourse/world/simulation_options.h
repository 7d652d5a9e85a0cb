#pragma once

#include <cstdint>
#include <string>

#include "bourse/base/quantity.h"

namespace bourse {

/// How unkind a simulated world is.
struct SimulatedWorldOptions {
  std::uint64_t seed = 1;             ///< Decides everything that is left to chance.
  Seconds delay_min{0.0001};          ///< Of a message between processes.
  Seconds delay_max{0.005};           ///< At least delay_min.
  std::uint64_t piece_min = 1;        ///< Bytes that arrive at once if so many are sent.
  std::uint64_t piece_max = 1460;     ///< Bytes that arrive at once, at most; at least piece_min.
  double cut_probability = 0;         ///< That a connection breaks, for every piece that arrives.
  Seconds silence_max{20};            ///< Until a peer of a crashed machine hears that it is gone.
  Seconds start_max{0.005};           ///< Until a new process runs its first line.
  double disk_fault_probability = 0;  ///< That a change of a file goes wrong, for every change.
  Seconds unix_start{1.7e9};          ///< unix_time() at the start.
};

/// All of it in one line: "seed=1 delay_min=0.0001 ...".
[[nodiscard]] std::string text_of(const SimulatedWorldOptions& options);

}  // namespace bourse
