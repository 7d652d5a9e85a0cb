#include "bourse/policy/in_order.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "bourse/policy/repacking.h"

namespace bourse {

TaskCounts requested_tasks(const JobSpec& job) {
  return {job.requested_workers, job.requested_servers};
}

double gpus_requested(const ClusterState& state, const JobSpec& job) {
  const auto gpu = state.cluster().types.find("gpu");
  const Amount each = gpu ? job.worker[*gpu] : 0;
  return each == 0 ? job.requested_workers
                   : static_cast<double>(each * job.requested_workers) / kAmountsPerUnit;
}

Seconds time_held(const ClusterState& state, JobId id) {
  const JobState& job = state.job(id);
  if (job.status != JobStatus::running) return job.attained;
  return job.attained + (state.now() - job.since);
}

namespace {

bool ranks_later(const JobRank& a, const JobRank& b) {
  return std::tie(a.keys, a.arrival, a.id) > std::tie(b.keys, b.arrival, b.id);
}

/// One walk over the jobs, in some order.
class Walk {
 public:
  Walk(const ClusterState& state, DemandClasses& classes)
      : state_(&state), classes_(&classes), repacking_(state), open_(state, classes) {}

  /// False if the job does not run.
  bool visit(JobId id) {
    const std::uint32_t demand = classes_->of(*state_, id);
    const bool runs = state_->job(id).status == JobStatus::running;
    if (!runs && open_.has_failed(demand)) return false;
    if (!repacking_.try_run(id, requested_tasks(state_->spec(id)))) {
      open_.fail(demand);
      return false;
    }
    if (!runs) open_.start(demand);
    return true;
  }
  /// False: of those that were not visited only running jobs can run.
  [[nodiscard]] bool any_waiting() const { return open_.any_waiting(); }
  [[nodiscard]] Decision decision() { return repacking_.decision(); }

 private:
  const ClusterState* state_;
  DemandClasses* classes_;
  Repacking repacking_;
  OpenDemands open_;
};

}  // namespace

Decision run_by_rank(const ClusterState& state, DemandClasses& classes, std::vector<JobRank> ranks,
                     WhenBlocked when_blocked) {
  Walk walk(state, classes);
  std::ranges::make_heap(ranks, ranks_later);
  bool any_waiting = true;
  while (!ranks.empty()) {
    if (any_waiting && !walk.any_waiting()) {
      any_waiting = false;
      std::erase_if(ranks, [&](const JobRank& rank) {
        return state.job(rank.id).status == JobStatus::waiting;
      });
      std::ranges::make_heap(ranks, ranks_later);
      continue;
    }
    std::ranges::pop_heap(ranks, ranks_later);
    const JobId id = ranks.back().id;
    ranks.pop_back();
    if (!walk.visit(id) && when_blocked == WhenBlocked::block) break;
  }
  return walk.decision();
}

Decision run_waiting_first(const ClusterState& state, DemandClasses& classes,
                           std::span<const JobId> last) {
  Walk walk(state, classes);
  for (const JobId id : state.waiting()) {
    if (!walk.any_waiting()) break;
    (void)walk.visit(id);
  }
  for (const JobId id : last) (void)walk.visit(id);
  return walk.decision();
}

Decision start_waiting(const ClusterState& state, DemandClasses& classes) {
  Decision decision;
  FreeCapacity free(state);
  OpenDemands open(state, classes);
  std::size_t looked_at = 0;
  for (; looked_at < state.waiting_count() && open.any_waiting(); ++looked_at) {
    const JobId id = state.waiting()[looked_at];
    const JobSpec& job = state.spec(id);
    const std::uint32_t demand = classes.of(state, id);
    std::optional<Allocation> placed;
    if (!open.has_failed(demand)) placed = place(free, job, requested_tasks(job));
    if (!placed) {
      open.fail(demand);
      if (is_newcomer(state, id)) decision.reasons.push_back({id, ReasonCode::no_room, {}});
      continue;
    }
    open.start(demand);
    free.take(job, *placed);
    decision.reasons.push_back({id, ReasonCode::started, {}});
    decision.changes.push_back({id, std::move(*placed)});
  }
  const std::span<const JobId> now_waiting = waiting_since_now(state);
  const auto unseen = std::max(state.waiting().begin() + static_cast<std::ptrdiff_t>(looked_at),
                               state.waiting().end() - std::ssize(now_waiting));
  for (const JobId id : std::span(unseen, state.waiting().end()))
    if (is_newcomer(state, id)) decision.reasons.push_back({id, ReasonCode::no_room, {}});
  return decision;
}

Seconds longest_restart(const ClusterState& state, const Decision& decision) {
  Seconds longest{0};
  for (const Change& change : decision.changes)
    if (!change.allocation.empty() && time_held(state, change.job) > Seconds(0))
      longest = std::max(longest, state.spec(change.job).restart_cost);
  return longest;
}

std::size_t waiting_after(const ClusterState& state, const Decision& decision) {
  std::size_t waiting = state.waiting_count() - decision.declined.size();
  for (const Change& change : decision.changes) {
    const bool waits = state.job(change.job).status == JobStatus::waiting;
    if (waits && !change.allocation.empty()) --waiting;
    if (!waits && change.allocation.empty()) ++waiting;
  }
  return waiting;
}

std::optional<Decision> start_lone_newcomer(const ClusterState& state, const Event& event) {
  if (event.kind != EventKind::arrival || state.waiting_count() != 1) return std::nullopt;
  const JobSpec& job = state.spec(event.job);
  auto placed = place(state, job, requested_tasks(job));
  if (!placed) return std::nullopt;
  Decision decision;
  decision.changes.push_back({event.job, std::move(*placed)});
  decision.reasons.push_back({event.job, ReasonCode::started, {}});
  return decision;
}

}  // namespace bourse
