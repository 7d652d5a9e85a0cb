#include "bourse/world/simulation_options.h"

#include <fmt/format.h>

namespace bourse {

std::string text_of(const SimulatedWorldOptions& options) {
  return fmt::format(
      "seed={} delay_min={} delay_max={} piece_min={} piece_max={} cut_probability={} "
      "silence_max={} "
      "start_max={} disk_fault_probability={} unix_start={}",
      options.seed, options.delay_min.value, options.delay_max.value, options.piece_min,
      options.piece_max, options.cut_probability, options.silence_max.value,
      options.start_max.value, options.disk_fault_probability, options.unix_start.value);
}

}  // namespace bourse
