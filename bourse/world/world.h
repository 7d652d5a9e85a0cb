#pragma once

#include "bourse/world/clock.h"
#include "bourse/world/files.h"
#include "bourse/world/network.h"
#include "bourse/world/processes.h"
#include "bourse/world/random_source.h"

namespace bourse {

/// All of the outside that a room with hands may touch; passed in, never reached for. The twins are
/// RealWorld (real_world.h) and SimulatedWorld (simulated_world.h).
struct World {
  Clock& clock;
  RandomSource& random;
  Files& files;
  Processes& processes;
  Network& network;
};

}  // namespace bourse
