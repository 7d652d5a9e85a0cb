#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace bourse {

/// Where a submitted job stands.
///
///   waiting ------> starting ------> running ------> finished
///      |   ^            |   \____________|___________^
///      |   |            v                v
///      |   +--------- pausing <----------+
///      |   |            v                |
///      |   +------- backing_off <--------+ (starting and pausing too)
///      v
///   declined (from pausing and backing_off too)
/// From every phase that is not an end also: cancelled, failed.
enum class JobPhase : std::uint8_t {
  waiting,      ///< Arrived; holds nothing.
  starting,     ///< Its cells were asked for; not all run.
  running,      ///< All cells of its incarnation run.
  pausing,      ///< Its cells were told to checkpoint and end: to be resized, moved, or to wait.
  backing_off,  ///< Its last incarnation failed; it is tried again later.
  finished,     ///< All its work is done.
  declined,     ///< The policy gave it up.
  cancelled,    ///< Its user gave it up.
  failed,       ///< It failed more often than it may.
};
inline constexpr int kJobPhaseCount = 9;

/// "backing-off".
[[nodiscard]] std::string_view name_of(JobPhase phase);
/// The phase of that name, if there is one.
[[nodiscard]] std::optional<JobPhase> parse_job_phase(std::string_view name);
/// True for finished, declined, cancelled and failed.
[[nodiscard]] bool is_end(JobPhase phase);
/// What the picture above allows.
[[nodiscard]] bool may_follow(JobPhase from, JobPhase to);

}  // namespace bourse
