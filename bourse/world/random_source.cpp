#include "bourse/world/random_source.h"

#include <fmt/format.h>

namespace bourse {

std::string RandomSource::token() {
  const std::uint64_t high = bits();
  return fmt::format("{:016x}{:016x}", high, bits());
}

}  // namespace bourse
