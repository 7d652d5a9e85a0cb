#pragma once

#include <optional>
#include <string>

namespace bourse {

/// $BOURSE_FORKS: the unix socket from which a fork server takes its orders; not set in others.
inline constexpr const char* kForksVariable = "BOURSE_FORKS";

/// Makes this process a fork server (docs/decisions/0055): it forks itself for each order that
/// comes over the socket, a line of JSON each,
///
///     {"task": "worker-1", "environment": ["BOURSE_RANK=1", ...]}
///
/// and answers with lines that say who it is, and how it has ended (see ProcessId, ExitStatus):
///
///     {"task": "worker-1", "pid": 4711, "started": 12345}
///     {"task": "worker-1", "code": 0, "signal": 0}
///
/// Returns nothing in each process that it forks, which is in that environment then, has one thread
/// and dies with the fork server; in the fork server the exit status, once the other end has
/// closed. Should there be more threads than one already, what is forked begins anew with `argv`.
[[nodiscard]] std::optional<int> serve_forks(const std::string& socket_path, char** argv);

}  // namespace bourse
