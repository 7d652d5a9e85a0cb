#include "bourse/engine/machine_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bourse/base/units.h"

namespace bourse {

MachineWatch::MachineWatch(std::size_t machines, Options options)
    : options_(options), states_(machines) {}

void MachineWatch::see(MachineId machine, const std::string& trouble) {
  states_[machine.index()].trouble = trouble;
}

void MachineWatch::strike(MachineId machine, Seconds now, bool is_sudden, const std::string& why) {
  State& state = states_[machine.index()];
  if (state.strikes > 0 && now > state.last_strike + options_.forget_after) {
    state.strikes = 0;
    state.holds = 0;
  }
  // Cells that are lost together are lost to one cause.
  if (now < state.hold_until) return;
  state.last_strike = now;
  ++state.strikes;
  if (!is_sudden && state.strikes < options_.strikes) return;
  const Seconds hold =
      std::min(options_.longest_hold, options_.first_hold * std::exp2(std::min(20, state.holds)));
  ++state.holds;
  state.strikes = std::max(1, options_.strikes - 1);  // The next one sets it aside again.
  state.hold_until = now + hold;
  state.why = fmt::format("set aside for {}: {}", human(hold), why);
}

std::vector<MachineWatch::Change> MachineWatch::changes(Seconds now) {
  std::vector<Change> changes;
  for (std::size_t m = 0; m < states_.size(); ++m) {
    State& state = states_[m];
    const bool is_held = now < state.hold_until;
    const bool is_down = is_held || !state.trouble.empty();
    if (is_down == state.is_told_down) continue;
    state.is_told_down = is_down;
    const std::string reason = !is_down ? "" : !state.trouble.empty() ? state.trouble : state.why;
    changes.push_back({MachineId(m), !is_down, reason});
  }
  return changes;
}

}  // namespace bourse
