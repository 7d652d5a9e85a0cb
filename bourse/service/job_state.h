#pragma once

#include <cstdint>
#include <string_view>

namespace bourse {

/// Where a submitted job stands.
///
///   waiting --> starting --> running --> finished
///      |           |   ^        |  ^
///      |           v   |        v  |
///      |          backing_off  pausing --> waiting
///      v
///   declined; from every state that is not an end: cancelled, failed
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
/// True for finished, declined, cancelled and failed.
[[nodiscard]] bool is_end(JobPhase phase);
/// What the picture above allows.
[[nodiscard]] bool may_follow(JobPhase from, JobPhase to);

}  // namespace bourse
