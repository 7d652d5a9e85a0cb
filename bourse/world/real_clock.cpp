#include "bourse/world/real_clock.h"

#include <ctime>

#include "bourse/base/check.h"

namespace bourse {

Seconds RealClock::unix_time() const {
  timespec time{};
  BOURSE_CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
  return Seconds(static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec));
}

}  // namespace bourse
