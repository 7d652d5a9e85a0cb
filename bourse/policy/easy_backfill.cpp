#include "bourse/policy/easy_backfill.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/in_order.h"

namespace bourse {
namespace {

using Ending = EasyBackfillPolicy::Ending;

/// Sums of the same times in another order differ by less.
constexpr Seconds kSlack{1e-6};

/// What the head of the queue is promised.
struct Reservation {
  Seconds start = kForever;  ///< kForever: nobody knows; machines may be down.
  FreeCapacity spare;        ///< Free at the start beside the head; what a longer job may use.
};

/// Free once the first `count` of `endings` are over.
FreeCapacity free_after(const ClusterState& state, FreeCapacity free,
                        const std::vector<Ending>& endings, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    free.give(state.spec(endings[i].job), *endings[i].allocation);
  return free;
}

/// The earliest end of `endings`, which are sorted, at which the head fits.
Reservation reserve(const ClusterState& state, const JobSpec& head, const FreeCapacity& free,
                    const std::vector<Ending>& endings) {
  const TaskCounts tasks = requested_tasks(head);
  std::size_t too_few = 0;  // Ends after which the head does not fit.
  std::size_t enough = endings.size();
  if (!place(free_after(state, free, endings, enough), head, tasks)) return {kForever, free};
  while (too_few + 1 < enough) {
    const std::size_t middle = (too_few + enough) / 2;
    const bool fits_then = place(free_after(state, free, endings, middle), head, tasks).has_value();
    (fits_then ? enough : too_few) = middle;
  }
  const Seconds start = endings[enough - 1].end;
  while (enough < endings.size() && endings[enough].end == start) ++enough;
  FreeCapacity spare = free_after(state, free, endings, enough);
  if (const auto placed = place(spare, head, tasks)) spare.take(head, *placed);
  return {start, std::move(spare)};
}

/// Starts jobs behind the head where that does not delay it.
class Backfill {
 public:
  Backfill(const FreeCapacity& free, Reservation reservation)
      : free_(free), beside_head_(free), reservation_(std::move(reservation)) {
    settle();
  }

  /// Nothing if the job does not fit, or would delay the head. It is expected to end at `end`.
  std::optional<Allocation> start(const JobSpec& job, Seconds end) {
    const TaskCounts tasks = requested_tasks(job);
    const bool ends_in_time = end <= reservation_.start + kSlack;
    FailedDemands& failed = ends_in_time ? do_not_fit_ : do_not_fit_beside_head_;
    if (failed.covers(job, tasks)) return std::nullopt;
    auto placed = place(ends_in_time ? free_ : beside_head_, job, tasks);
    if (!placed) {
      failed.add(job, tasks);
      return placed;
    }
    free_.take(job, *placed);
    if (!ends_in_time) reservation_.spare.take(job, *placed);
    settle();
    return placed;
  }

 private:
  void settle() {
    beside_head_ = free_;
    if (reservation_.start < kForever) beside_head_.cap_by(reservation_.spare);
  }

  FreeCapacity free_;         ///< Now.
  FreeCapacity beside_head_;  ///< Now and, beside the head, from its start on.
  Reservation reservation_;
  FailedDemands do_not_fit_;
  FailedDemands do_not_fit_beside_head_;
};

}  // namespace

Seconds EasyBackfillPolicy::estimate(const JobSpec& job) const {
  return options_.estimate_factor * requested_duration(job);
}

std::vector<Ending> EasyBackfillPolicy::endings(const ClusterState& state,
                                                const Decision& decision) const {
  std::vector<Ending> endings;
  for (const JobId id : state.active()) {
    if (state.job(id).status != JobStatus::running) continue;
    const Seconds left = estimate(state.spec(id)) - time_held(state, id);
    endings.push_back({state.now() + std::max(Seconds(0), left), id, &state.job(id).allocation});
  }
  for (const Change& change : decision.changes)
    endings.push_back(
        {state.now() + estimate(state.spec(change.job)), change.job, &change.allocation});
  std::ranges::sort(endings, {}, [](const Ending& e) { return std::pair(e.end, e.job); });
  return endings;
}

Decision EasyBackfillPolicy::decide(const ClusterState& state, const Event& event) {
  if (state.waiting_count() == 0) return {};
  if (auto decision = start_lone_newcomer(state, event)) return std::move(*decision);
  std::vector<JobId> queue;
  for (const JobId id : state.active())
    if (state.job(id).status == JobStatus::waiting) queue.push_back(id);
  Decision decision;
  const auto start = [&](JobId id, Allocation allocation) {
    decision.reasons.push_back({id, ReasonCode::started, {}});
    decision.changes.push_back({id, std::move(allocation)});
  };
  FreeCapacity free(state);
  std::size_t head = 0;
  for (; head < queue.size(); ++head) {
    const JobSpec& job = state.spec(queue[head]);
    auto placed = place(free, job, requested_tasks(job));
    if (!placed) break;
    free.take(job, *placed);
    start(queue[head], std::move(*placed));
  }
  if (head == queue.size()) return decision;
  const JobSpec& first = state.spec(queue[head]);
  Backfill backfill(free, reserve(state, first, free, endings(state, decision)));
  std::size_t end = queue.size();
  if (options_.depth > 0) end = std::min(end, head + 1 + static_cast<std::size_t>(options_.depth));
  for (std::size_t i = head + 1; i < end; ++i) {
    const JobSpec& job = state.spec(queue[i]);
    if (auto placed = backfill.start(job, state.now() + estimate(job)))
      start(queue[i], std::move(*placed));
  }
  if (event.kind == EventKind::arrival && state.job(event.job).status == JobStatus::waiting &&
      std::ranges::find(decision.changes, event.job, &Change::job) == decision.changes.end())
    decision.reasons.push_back(
        {event.job, event.job == queue[head] ? ReasonCode::no_room : ReasonCode::behind_head, {}});
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_easy_backfill(const SettingsReader& settings,
                                                   const PolicyContext&) {
  EasyBackfillOptions options;
  BOURSE_TRY(options.estimate_factor, settings.number("estimate-factor", 0.001, 1e6));
  BOURSE_TRY(options.depth, settings.whole("depth", 0, 1'000'000));
  return std::make_unique<EasyBackfillPolicy>(options);
}

}  // namespace

PolicyInfo easy_backfill_info() {
  return {"easy-backfill",
          "first in, first out with a reservation for the head; others may overtake if they do not "
          "delay it, as Slurm does",
          "Lifka, 1995 (EASY); Mu'alem and Feitelson, 2001",
          "the request and the estimate of its run time (exact unless estimate-factor is set)",
          {{"estimate-factor", "1", "0.001 to 1e6",
            "estimated over true run time at the declared speed; users of real clusters state 2 to "
            "10 times too much"},
           {"depth", "0", "0 to 1000000",
            "jobs behind the head tried in one go; 0 = all; fewer cost less time"}},
          make_easy_backfill};
}

}  // namespace bourse
