#pragma once

#include "apps/bourse/options.h"
#include "apps/bourse/server_address.h"
#include "bourse/service/views.h"

namespace bourse {

/// Follows a job, as it was just shown, until it has ended, and prints a line at every change, or
/// as JSON the whole job at the end. A daemon that is restarted meanwhile is waited for. Returns
/// the exit code: 0 only if the job finished.
[[nodiscard]] int wait_for_job(const ServerAddress& address, const JobView& job,
                               OutputFormat format);

}  // namespace bourse
