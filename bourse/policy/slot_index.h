#pragma once

#include <cstdint>

namespace bourse {

/// Number of a slot since time 0.
using SlotIndex = std::int64_t;

}  // namespace bourse
