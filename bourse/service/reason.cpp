#include "bourse/service/reason.h"

#include <fmt/format.h>

#include "bourse/base/units.h"

namespace bourse {

std::string reason_told_at(const Reason& reason, Seconds now) {
  const auto& n = reason.numbers;
  if (reason.code == ReasonCode::admitted)
    return fmt::format("admitted: utility {:.4g} for a price of {:.4g}, done within {}", n[0], n[1],
                       human(Seconds(n[3]) - now));
  if (reason.code == ReasonCode::replanned)
    return fmt::format("planned anew, done within {}", human(Seconds(n[1]) - now));
  if (reason.code == ReasonCode::moved) return "moved to make room; its promised completion holds";
  return reason_text(reason);
}

}  // namespace bourse
