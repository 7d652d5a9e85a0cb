#pragma once

#include <string>

#include "bourse/base/quantity.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// As reason_text, with completions as distances from now: users do not know when the daemon began.
/// Units: now in seconds of the policy's time.
[[nodiscard]] std::string reason_told_at(const Reason& reason, Seconds now);

}  // namespace bourse
