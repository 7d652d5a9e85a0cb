#include "bourse/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bourse {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "bourse: defect: %s:%d: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace bourse
