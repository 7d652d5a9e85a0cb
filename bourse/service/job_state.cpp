#include "bourse/service/job_state.h"

#include <array>
#include <cstddef>

namespace bourse {
namespace {

using enum JobPhase;

constexpr std::array<std::string_view, kJobPhaseCount> kNames = {
    "waiting",  "starting", "running",   "pausing", "backing-off",
    "finished", "declined", "cancelled", "failed"};

constexpr unsigned bit(JobPhase phase) { return 1U << static_cast<unsigned>(phase); }

/// What may follow each phase, as the picture in the header draws it.
constexpr std::array<unsigned, kJobPhaseCount> kNext = {
    /* waiting     */ bit(starting) | bit(declined) | bit(cancelled) | bit(failed),
    /* starting    */ bit(running) | bit(pausing) | bit(backing_off) | bit(finished) |
        bit(cancelled) | bit(failed),
    /* running     */ bit(finished) | bit(pausing) | bit(backing_off) | bit(cancelled) |
        bit(failed),
    /* pausing     */ bit(waiting) | bit(backing_off) | bit(finished) | bit(declined) |
        bit(cancelled) | bit(failed),
    /* backing_off */ bit(waiting) | bit(declined) | bit(cancelled) | bit(failed),
    0,
    0,
    0,
    0};

}  // namespace

std::string_view name_of(JobPhase phase) { return kNames[static_cast<std::size_t>(phase)]; }

std::optional<JobPhase> parse_job_phase(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == name) return static_cast<JobPhase>(i);
  return std::nullopt;
}

bool is_end(JobPhase phase) {
  return phase == finished || phase == declined || phase == cancelled || phase == failed;
}

bool may_follow(JobPhase from, JobPhase to) {
  return (kNext[static_cast<std::size_t>(from)] & bit(to)) != 0;
}

}  // namespace bourse
