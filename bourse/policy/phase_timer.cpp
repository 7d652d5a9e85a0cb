#include "bourse/policy/slot_costs.h"

namespace bourse {

std::string_view name_of(Phase phase) {
  using enum Phase;
  switch (phase) {
    case search:
      return "search";
    case curves:
      return "curves";
    case relaxation:
      return "relaxation";
    case rounding:
      return "rounding";
    case placing:
      return "placing";
    case booking:
      return "booking";
  }
  return "";
}

PhaseTimer::PhaseTimer(SlotCostCounters& counters, Phase phase)
    : counters_(counters), outer_(counters.running) {
  if (counters_.stopwatch != nullptr) switch_to(phase);
}

PhaseTimer::~PhaseTimer() {
  if (counters_.stopwatch != nullptr) switch_to(outer_);
}

void PhaseTimer::switch_to(std::optional<Phase> phase) {
  const double now = counters_.stopwatch();
  if (counters_.running)
    counters_.seconds[static_cast<std::size_t>(*counters_.running)] += now - counters_.since;
  counters_.running = phase;
  counters_.since = now;
}

}  // namespace bourse
