#pragma once

#include <cstdint>

#include "apps/bourse/options.h"
#include "apps/bourse/server_address.h"

namespace bourse {

/// Follows a job until it has ended, and prints a line at every change, or as JSON the whole job at
/// the end. A daemon that is restarted meanwhile is waited for. Returns the exit code: 0 only if
/// the job finished.
[[nodiscard]] int wait_for_job(const ServerAddress& address, std::uint64_t number,
                               OutputFormat format);

}  // namespace bourse
