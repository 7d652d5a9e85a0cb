#include <fmt/core.h>

#include <string>

#include "bench/figures.h"
#include "bench/inputs.h"

// The other policies, where nobody waits (256x8) and where the queue is long (80x8).
namespace bourse {
void add_rival_cases(std::vector<Case>& cases) {
  for (const std::string cluster : {"256x8", "80x8"})
    for (const std::string policy : {"fifo", "srsf", "srtf", "drf"}) {
      if (cluster == "256x8" && policy == "fifo") continue;  // has a section of its own
      cases.push_back({.section = "rivals",
                       .name = fmt::format("{} {}", policy, cluster),
                       .run = [policy, cluster](const Setup& setup) {
                         return replay_samples(setup, policy, cluster);
                       }});
    }
}

}  // namespace bourse
