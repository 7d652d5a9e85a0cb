#pragma once

namespace bourse {

/// Prints the condition and where it stands, then aborts. Never returns.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace bourse

/// Stops the program when one of our own invariants does not hold; on in every build. Never for
/// input: bad input is a Result.
#define BOURSE_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::bourse::check_failed(#condition, __FILE__, __LINE__))
