#include <algorithm>
#include <tuple>
#include <utility>

#include "bourse/policy/filler.h"
#include "bourse/policy/pd_ors.h"
#include "bourse/policy/placement.h"
#include "bourse/policy/rates.h"

namespace bourse {
namespace {

/// So many jobs in a row that find no idle machine end the search for one that does.
constexpr int kMaxMisses = 32;
/// A new allocation must train this many times what the old one does in the same time.
constexpr double kLeastGainOfFiller = 1.2;
/// A job that has run before is resumed, resized or moved only if its restart takes at most this
/// share of a slot, or of the time for which nothing else is booked there.
constexpr double kLongestRestart = 0.5;

/// What is free once the changes of the decision have been made.
FreeCapacity free_after(const ClusterState& state, const Decision& decision) {
  FreeCapacity free(state);
  for (const Change& change : decision.changes) {
    free.give(state.spec(change.job), state.job(change.job).allocation);
    free.take(state.spec(change.job), change.allocation);
  }
  return free;
}

bool is_overfull(const FreeCapacity& free, const ClusterState& state,
                 const Allocation& allocation) {
  return std::ranges::any_of(allocation, [&](const TaskGroup& group) {
    return state.is_up(group.machine) &&
           std::ranges::any_of(free.of(group.machine), [](Amount a) { return a < 0; });
  });
}

}  // namespace

std::vector<JobId> PdOrsPolicy::waiting_by_rank(const ClusterState& state,
                                                bool only_running) const {
  std::vector<std::pair<double, JobId>> ranked;
  for (const JobId id : waiting_.jobs())
    if (is_filler(id) && (!only_running || !state.job(id).allocation.empty()))
      ranked.emplace_back(-payoff_density(state, id), id);
  std::ranges::sort(ranked);
  std::vector<JobId> jobs;
  for (const auto& [rank, id] : ranked) jobs.push_back(id);
  return jobs;
}

void PdOrsPolicy::yield_filler(const ClusterState& state, Decision& decision) const {
  if (waiting_.empty() || decision.changes.empty()) return;
  FreeCapacity free = free_after(state, decision);
  const std::vector<JobId> jobs = waiting_by_rank(state, true);
  for (std::size_t i = jobs.size(); i-- > 0;) {
    const Allocation& held = state.job(jobs[i]).allocation;
    if (held.empty() || !is_overfull(free, state, held)) continue;
    free.give(state.spec(jobs[i]), held);
    decision.changes.push_back({jobs[i], {}});
  }
}

Seconds PdOrsPolicy::free_for(const ClusterState& state, JobId job, const Allocation& placed,
                              Seconds enough) const {
  const Ledger& ledger = bookings_->ledger();
  Seconds time{0};
  for (SlotIndex slot = bookings_->current();
       time < enough && ledger.has_room(slot, state.spec(job), placed);) {
    slot = ledger.run(slot).end;
    time = start_of(slot) - state.now();
  }
  return std::min(time, enough);
}

void PdOrsPolicy::fill(const ClusterState& state, Decision& decision) const {
  if (waiting_.empty()) return;
  FreeCapacity free = free_after(state, decision);
  const Seconds slot = options_.search.slot;
  const Seconds time = start_of(bookings_->current() + 1) - state.now();
  int misses = 0;
  for (const JobId id : waiting_by_rank(state, false)) {
    if (misses >= kMaxMisses) return;
    const JobSpec& spec = state.spec(id);
    const JobState& job = state.job(id);
    const auto change = std::ranges::find(decision.changes, id, &Change::job);
    const bool yields = change != decision.changes.end();
    const bool has_run = job.attained > Seconds(0) || !job.allocation.empty();
    const Seconds restart = has_run ? spec.restart_cost : Seconds(0);
    const bool stays = !yields && !job.allocation.empty();
    if (stays && restart > kLongestRestart * slot) continue;
    if (stays) free.give(spec, job.allocation);
    const double left = state.samples_left(id);
    const double enough = left / std::max(time.value, 1e-9);
    const double now_trains = stays ? job.rate * time.value : 0;
    const std::optional<Allocation> placed = largest_placement(free, spec, enough);
    const Seconds pays_off = restart / kLongestRestart;
    const Seconds runs =
        placed && !stays ? std::max(time, free_for(state, id, *placed, pays_off)) : time;
    const bool is_too_short = pays_off > std::max(slot, runs);
    const double trains =
        placed && !is_too_short
            ? std::min(left, rate_of(spec, *placed, state.cluster()) * (runs - restart).value)
            : 0;
    if (trains <= kLeastGainOfFiller * std::min(left, now_trains)) {
      if (stays) free.take(spec, job.allocation);
      if (!stays) ++misses;
      continue;
    }
    misses = 0;
    free.take(spec, *placed);
    if (yields)
      change->allocation = *placed;
    else
      decision.changes.push_back({id, *placed});
    give_reason(decision, {id, ReasonCode::filler, {}});
  }
}

}  // namespace bourse
