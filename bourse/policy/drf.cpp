#include "bourse/policy/drf.h"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <string_view>
#include <tuple>
#include <utility>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/machine_index.h"
#include "bourse/policy/placement.h"
#include "bourse/policy/repacking.h"

namespace bourse {
namespace {

/// One division of the cluster, from empty.
class Filling {
 public:
  Filling(const ClusterState& state, const DrfOptions& options);
  void run();
  /// Tasks and machines of each active job, in the order of state.active().
  [[nodiscard]] const std::vector<Allocation>& allocations() const { return granted_; }

 private:
  struct Entry {
    double share;
    std::size_t rank;  ///< Position in active(): by arrival, then id.
    bool operator>(const Entry& other) const {
      return std::tie(share, rank) > std::tie(other.share, other.rank);
    }
  };
  using Queue = std::priority_queue<Entry, std::vector<Entry>, std::greater<>>;

  [[nodiscard]] double dominant(const JobSpec& job, TaskCounts tasks) const;
  bool grant_one(std::size_t rank);
  bool grant_gang(std::size_t rank, const JobSpec& job);
  bool place_task(std::size_t rank, const JobSpec& job, bool is_worker, Allocation& added);
  void take(const JobSpec& job, const Allocation& allocation);
  void give(const JobSpec& job, const Allocation& allocation);

  const ClusterState& state_;
  const DrfOptions& options_;
  FreeCapacity free_;
  std::optional<MachineIndex> index_;  ///< Of free_, once a task is placed on its own.
  FailedDemands failed_;  ///< Of gangs; what is free only shrinks from one grant to the next.
  ResourceVector total_;
  std::vector<Allocation> granted_;
  std::vector<TaskCounts> counts_;
  std::vector<std::size_t> owner_;  ///< Entity of each job.
  std::vector<Queue> jobs_of_;      ///< Of each entity, jobs that may get more.
  std::vector<double> entity_share_;
};

Filling::Filling(const ClusterState& state, const DrfOptions& options)
    : state_(state), options_(options), free_(state), total_(state.cluster().total()) {
  const std::vector<JobId>& active = state.active();
  granted_.resize(active.size());
  counts_.resize(active.size());
  owner_.resize(active.size());
  std::map<std::string_view, std::size_t> entity_of_group;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const JobSpec& job = state.spec(active[rank]);
    free_.give(job, state.job(active[rank]).allocation);
    owner_[rank] = rank;
    if (options.share_of == DrfShareOf::group)
      owner_[rank] = entity_of_group.try_emplace(job.group, entity_of_group.size()).first->second;
  }
  const std::size_t entities =
      options.share_of == DrfShareOf::group ? entity_of_group.size() : active.size();
  jobs_of_.resize(entities);
  entity_share_.resize(entities);
  for (std::size_t rank = 0; rank < active.size(); ++rank) jobs_of_[owner_[rank]].push({0, rank});
}

double Filling::dominant(const JobSpec& job, TaskCounts tasks) const {
  double share = 0;
  for (std::size_t r = 0; r < total_.size(); ++r) {
    if (total_[r] == 0) continue;
    const Amount used = tasks.workers * job.worker[r] + tasks.servers * job.server[r];
    share = std::max(share, static_cast<double>(used) / static_cast<double>(total_[r]));
  }
  return share;
}

void Filling::run() {
  Queue entities;
  for (std::size_t e = 0; e < jobs_of_.size(); ++e) entities.push({0, e});
  while (!entities.empty()) {
    const std::size_t entity = entities.top().rank;
    entities.pop();
    Queue& jobs = jobs_of_[entity];
    const std::size_t rank = jobs.top().rank;
    const double before = jobs.top().share;
    jobs.pop();
    if (grant_one(rank)) {
      const JobSpec& job = state_.spec(state_.active()[rank]);
      const double after = dominant(job, counts_[rank]);
      entity_share_[entity] += after - before;
      jobs.push({after, rank});
    }
    if (!jobs.empty()) entities.push({entity_share_[entity], entity});
  }
}

void Filling::take(const JobSpec& job, const Allocation& allocation) {
  if (index_)
    index_->take(job, allocation);
  else
    free_.take(job, allocation);
}

void Filling::give(const JobSpec& job, const Allocation& allocation) {
  if (index_)
    index_->give(job, allocation);
  else
    free_.give(job, allocation);
}

bool Filling::grant_gang(std::size_t rank, const JobSpec& job) {
  const TaskCounts gang = bundle(job, max_workers(job.throughput));
  if (counts_[rank] == gang || failed_.covers(job, gang)) return false;
  auto placed = place(free_, job, gang);
  if (!placed) {
    failed_.add(job, gang);
    return false;
  }
  take(job, *placed);
  granted_[rank] = std::move(*placed);
  counts_[rank] = gang;
  return true;
}

/// One task onto a machine the job is on already, else onto the tightest that has room.
bool Filling::place_task(std::size_t rank, const JobSpec& job, bool is_worker, Allocation& added) {
  const ResourceVector& demand = is_worker ? job.worker : job.server;
  const TaskCounts one{is_worker ? 1 : 0, is_worker ? 0 : 1};
  Allocation group;
  for (const TaskGroup& held : granted_[rank]) {
    if (!fits(demand, free_.of(held.machine))) continue;
    group = {{held.machine, one.workers, one.servers}};
    break;
  }
  if (group.empty()) {
    if (!index_) index_.emplace(free_);
    const auto tightest = index_->tightest(demand);
    if (!tightest) return false;
    group = {{*tightest, one.workers, one.servers}};
  }
  take(job, group);
  added.push_back(group.front());
  return true;
}

bool Filling::grant_one(std::size_t rank) {
  const JobSpec& job = state_.spec(state_.active()[rank]);
  if (is_rigid(job.throughput)) return grant_gang(rank, job);
  int most = max_workers(job.throughput);
  if (options_.max_workers > 0) most = std::min(most, options_.max_workers);
  const TaskCounts have = counts_[rank];
  const int workers = next_workers(job.throughput, have.workers);
  if (workers == have.workers || workers > most) return false;
  const int servers = std::max(have.servers, servers_for(job.throughput, workers));
  Allocation added;
  bool ok = true;
  for (int n = have.workers; ok && n < workers; ++n) ok = place_task(rank, job, true, added);
  for (int n = have.servers; ok && n < servers; ++n) ok = place_task(rank, job, false, added);
  Allocation grown = granted_[rank];
  grown.insert(grown.end(), added.begin(), added.end());
  normalize(grown);
  const Cluster& cluster = state_.cluster();
  // A table may have no speed for tasks so far apart.
  ok =
      ok && samples_per_second(job.throughput, {workers, servers}, locality_of(grown, cluster)) > 0;
  if (!ok) {
    give(job, added);
    return false;
  }
  granted_[rank] = std::move(grown);
  counts_[rank] = {workers, servers};
  return true;
}

bool all_rigid(const ClusterState& state) {
  return std::ranges::all_of(state.active(),
                             [&](JobId id) { return is_rigid(state.spec(id).throughput); });
}

bool nothing_runs(const ClusterState& state) {
  return state.waiting_count() == state.active().size();
}

/// Keeps running jobs in place where the new counts allow it; falls back to the filling's machines.
Decision divide(const ClusterState& state, const DrfOptions& options) {
  Filling filling(state, options);
  filling.run();
  const std::vector<JobId>& active = state.active();
  Repacking calm(state);
  bool all_placed = true;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const Allocation& granted = filling.allocations()[rank];
    if (!granted.empty()) all_placed &= calm.try_run(active[rank], tasks_of(granted));
  }
  if (all_placed) return calm.decision();
  Decision decision;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const Allocation& held = state.job(active[rank]).allocation;
    const Allocation& granted = filling.allocations()[rank];
    if (granted == held) continue;
    const ReasonCode code = held.empty()      ? ReasonCode::started
                            : granted.empty() ? ReasonCode::preempted
                                              : ReasonCode::resized;
    decision.reasons.push_back({active[rank], code, {}});
    decision.changes.push_back({active[rank], granted});
  }
  return decision;
}

/// Starts the newcomer if all jobs are gangs, the others run and it fits: then a new division would
/// come to the same.
std::optional<Decision> start_newcomer(const ClusterState& state, const Event& event) {
  if (event.kind != EventKind::arrival || state.waiting_count() != 1) return std::nullopt;
  const JobSpec& job = state.spec(event.job);
  auto placed = place(state, job, bundle(job, max_workers(job.throughput)));
  if (!placed) return std::nullopt;
  Decision decision;
  decision.changes.push_back({event.job, std::move(*placed)});
  decision.reasons.push_back({event.job, ReasonCode::started, {}});
  return decision;
}

}  // namespace

Decision DrfPolicy::decide(const ClusterState& state, const Event& event) {
  if (state.active().empty()) return {};
  if (options_.interval > Seconds(0)) {
    Decision decision;
    if (event.kind == EventKind::wake && state.now() >= next_) {
      decision = divide(state, options_);
      next_ = state.now() + options_.interval;
      // Nothing runs and nothing can start: until something happens, all divisions are the same.
      if (decision.changes.empty() && nothing_runs(state)) return decision;
    }
    decision.wake_at = std::max(next_, state.now());
    return decision;
  }
  if (all_rigid(state)) {
    if (state.waiting_count() == 0) return {};
    if (auto decision = start_newcomer(state, event)) return std::move(*decision);
  }
  return divide(state, options_);
}

}  // namespace bourse
