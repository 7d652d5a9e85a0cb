#include "bourse/policy/state.h"

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

constexpr Amount kDown = -1;

/// Newcomers to a list nearly always belong to its end.
template <typename Before>
void insert_from_end(std::vector<JobId>& list, JobId id, const Before& before) {
  auto at = list.end();
  while (at != list.begin() && before(id, *(at - 1))) --at;
  list.insert(at, id);
}

template <typename Before>
void erase_from(std::vector<JobId>& list, JobId id, const Before& before) {
  const auto at = std::lower_bound(list.begin(), list.end(), id, before);
  BOURSE_CHECK(at != list.end() && *at == id);
  list.erase(at);
}

}  // namespace

ClusterState::ClusterState(const Cluster& cluster, std::span<const JobSpec> jobs)
    : cluster_(&cluster),
      jobs_(jobs),
      types_(cluster.types.size()),
      states_(jobs.size()),
      up_(cluster.machines.size(), 1) {
  free_.reserve(cluster.machines.size() * types_);
  for (const Machine& machine : cluster.machines) {
    const ResourceVector& capacity = cluster.classes[machine.class_index].capacity;
    free_.insert(free_.end(), capacity.begin(), capacity.end());
  }
}

double ClusterState::samples_done(JobId id) const {
  const JobState& state = job(id);
  if (state.status != JobStatus::running || now_ <= state.progress_from) return state.samples_done;
  const double trained = state.rate * (now_ - state.progress_from).value;
  return std::min(spec(id).samples, state.samples_done + trained);
}

double ClusterState::samples_left(JobId id) const { return spec(id).samples - samples_done(id); }

double ClusterState::samples_trained(JobId id) const {
  const JobState& state = job(id);
  if (state.status != JobStatus::running || now_ <= state.progress_from) return state.trained;
  return state.trained + state.trained_rate * (now_ - state.progress_from).value;
}

/// Books what the running job did at its pace until now.
void ClusterState::settle(JobId id) {
  JobState& state = states_[id.index()];
  state.samples_done = samples_done(id);
  state.trained = samples_trained(id);
  if (state.status == JobStatus::running) state.attained += now_ - state.since;
  state.since = now_;
}

void ClusterState::set_pace(JobId id, Pace pace) {
  JobState& state = states_[id.index()];
  BOURSE_CHECK(state.status == JobStatus::running);
  settle(id);
  state.rate = pace.progress;
  state.trained_rate = pace.trained;
  state.batch = pace.batch;
  state.progress_from = std::max(now_, state.progress_from);
}

void ClusterState::set_jobs(std::span<const JobSpec> jobs) {
  BOURSE_CHECK(jobs.size() >= jobs_.size());
  jobs_ = jobs;
  states_.resize(jobs.size());
}

void ClusterState::observe(JobId id, double samples, Pace pace, Seconds startup) {
  JobState& state = states_[id.index()];
  BOURSE_CHECK(state.status == JobStatus::waiting || state.status == JobStatus::running);
  if (state.trained_rate != state.rate) state.trained = samples_trained(id);
  state.samples_done = std::clamp(samples, 0.0, spec(id).samples);
  state.rate = pace.progress;
  state.trained = std::max(state.trained, state.samples_done);
  state.trained_rate = pace.trained;
  state.progress_from = now_ + startup;
}

bool ClusterState::came_before(JobId a, JobId b) const {
  return std::pair(spec(a).arrival, a) < std::pair(spec(b).arrival, b);
}

bool ClusterState::waits_longer(JobId a, JobId b) const {
  const Seconds since_a = job(a).since;
  const Seconds since_b = job(b).since;
  return since_a != since_b ? since_a < since_b : came_before(a, b);
}

void ClusterState::list(JobId id) {
  const auto came_first = [&](JobId a, JobId b) { return came_before(a, b); };
  const auto waits_first = [&](JobId a, JobId b) { return waits_longer(a, b); };
  if (job(id).status == JobStatus::waiting) insert_from_end(waiting_, id, waits_first);
  if (job(id).status == JobStatus::running)
    running_.insert(std::lower_bound(running_.begin(), running_.end(), id, came_first), id);
}

void ClusterState::unlist(JobId id) {
  const auto came_first = [&](JobId a, JobId b) { return came_before(a, b); };
  const auto waits_first = [&](JobId a, JobId b) { return waits_longer(a, b); };
  if (job(id).status == JobStatus::waiting) erase_from(waiting_, id, waits_first);
  if (job(id).status == JobStatus::running) erase_from(running_, id, came_first);
}

void ClusterState::arrive(JobId id) {
  JobState& state = states_[id.index()];
  BOURSE_CHECK(state.status == JobStatus::pending);
  state.status = JobStatus::waiting;
  state.since = now_;
  list(id);
  insert_from_end(active_, id, [&](JobId a, JobId b) { return came_before(a, b); });
}

void ClusterState::take(std::span<const TaskGroup> allocation, const JobSpec& job,
                        std::int64_t sign) {
  for (const TaskGroup& group : allocation) {
    Amount* free = free_.data() + group.machine.index() * types_;
    for (std::size_t r = 0; r < types_; ++r) {
      free[r] -= sign * (group.workers * job.worker[r] + group.servers * job.server[r]);
      BOURSE_CHECK(free[r] >= 0);
    }
    BOURSE_CHECK(sign < 0 || up_[group.machine.index()] != 0);
  }
}

void ClusterState::allocate(JobId id, Allocation allocation, Pace pace, Seconds startup) {
  JobState& state = states_[id.index()];
  BOURSE_CHECK(state.status == JobStatus::waiting || state.status == JobStatus::running);
  unlist(id);
  settle(id);
  take(state.allocation, spec(id), -1);
  take(allocation, spec(id), +1);
  const JobStatus next = allocation.empty() ? JobStatus::waiting : JobStatus::running;
  if (next == JobStatus::running && state.attained > Seconds(0)) ++state.restarts;
  state.status = next;
  state.allocation = std::move(allocation);
  state.rate = pace.progress;
  state.trained_rate = pace.trained;
  state.batch = pace.batch;
  state.progress_from = now_ + startup;
  list(id);
}

void ClusterState::leave(JobId id, JobStatus final_status) {
  JobState& state = states_[id.index()];
  erase_from(active_, id, [&](JobId a, JobId b) { return came_before(a, b); });
  unlist(id);
  settle(id);
  if (final_status == JobStatus::finished) state.samples_done = spec(id).samples;
  take(state.allocation, spec(id), -1);
  state.allocation.clear();
  state.status = final_status;
  state.rate = 0;
  state.trained_rate = 0;
}

void ClusterState::roll_back(JobId id, double samples) {
  JobState& state = states_[id.index()];
  BOURSE_CHECK(state.allocation.empty());
  state.samples_done = std::min(state.samples_done, samples);
}

void ClusterState::set_up(MachineId id, bool up) {
  BOURSE_CHECK((up_[id.index()] != 0) != up);
  up_[id.index()] = up ? 1 : 0;
  Amount* free = free_.data() + id.index() * types_;
  const std::span<const Amount> capacity = cluster_->capacity(id);
  for (std::size_t r = 0; r < types_; ++r) {
    BOURSE_CHECK(free[r] == (up ? kDown : capacity[r]));
    free[r] = up ? capacity[r] : kDown;
  }
}

std::span<const JobId> waiting_since_now(const ClusterState& state) {
  const std::vector<JobId>& waiting = state.waiting();
  auto first = waiting.end();
  while (first != waiting.begin() && state.job(*(first - 1)).since == state.now()) --first;
  return {first, waiting.end()};
}

bool is_newcomer(const ClusterState& state, JobId id) {
  const JobState& job = state.job(id);
  return job.status == JobStatus::waiting && job.since == state.now() && job.attained <= Seconds(0);
}

}  // namespace bourse
