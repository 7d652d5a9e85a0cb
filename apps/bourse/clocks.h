#pragma once

#include <cstdint>

namespace bourse {

/// Seconds of a clock that only moves on.
[[nodiscard]] double monotonic_seconds();

/// Processor time that the calling thread has used.
[[nodiscard]] double thread_cpu_seconds();

/// Most memory the process has held, bytes; 0 if the system does not tell.
[[nodiscard]] std::uint64_t peak_rss_bytes();

}  // namespace bourse
