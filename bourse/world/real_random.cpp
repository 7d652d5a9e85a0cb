#include "bourse/world/real_random.h"

#include <sys/random.h>

#include "bourse/base/check.h"

namespace bourse {

std::uint64_t RealRandom::bits() {
  std::uint64_t value = 0;
  // So few bytes come at once and without errors once the machine has started.
  const ssize_t size = getrandom(&value, sizeof value, 0);
  BOURSE_CHECK(size == sizeof value);
  return value;
}

}  // namespace bourse
