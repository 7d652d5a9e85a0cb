// Uses the installed library: headers, link, a call with a result that is known.
#include <cstdio>

#include "bourse/model/resources.h"

int main() {
  // A demand of a third of a GPU is rounded up to 334 thousandths: two of them fit one GPU, not
  // three.
  const auto demand = bourse::parse_amount("0.3333", bourse::Rounding::up);
  const auto capacity = bourse::parse_amount("1", bourse::Rounding::down);
  if (!demand || !capacity) return 1;
  const bourse::ResourceVector one{demand->amount};
  const bourse::ResourceVector gpu{capacity->amount};
  const auto count = bourse::count_that_fits(one, gpu, 10);
  std::printf("%lld\n", static_cast<long long>(count));
  return count == 2 ? 0 : 1;
}
