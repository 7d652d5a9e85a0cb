#pragma once

#include "bourse/base/random.h"
#include "bourse/world/random_source.h"

namespace bourse {

/// Random bits of a seed.
class SimulatedRandom final : public RandomSource {
 public:
  explicit SimulatedRandom(RandomStream stream) : stream_(stream) {}
  std::uint64_t bits() override { return stream_.bits(); }

 private:
  RandomStream stream_;
};

}  // namespace bourse
