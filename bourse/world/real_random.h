#pragma once

#include "bourse/world/random_source.h"

namespace bourse {

/// Random bits of the kernel.
class RealRandom final : public RandomSource {
 public:
  std::uint64_t bits() override;
};

}  // namespace bourse
