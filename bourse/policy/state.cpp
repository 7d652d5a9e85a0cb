#include "bourse/policy/state.h"

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

constexpr Amount kDown = -1;

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

void ClusterState::arrive(JobId id) {
  JobState& state = states_[id.index()];
  BOURSE_CHECK(state.status == JobStatus::pending);
  state.status = JobStatus::waiting;
  state.since = now_;
  ++waiting_;
  const auto comes_before = [&](JobId a, JobId b) {
    return std::pair(spec(a).arrival, a) < std::pair(spec(b).arrival, b);
  };
  // Arrivals come in order, so this is almost always the end.
  auto at = active_.end();
  while (at != active_.begin() && comes_before(id, *(at - 1))) --at;
  active_.insert(at, id);
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
  settle(id);
  take(state.allocation, spec(id), -1);
  take(allocation, spec(id), +1);
  const JobStatus next = allocation.empty() ? JobStatus::waiting : JobStatus::running;
  if (state.status == JobStatus::waiting && next == JobStatus::running) --waiting_;
  if (state.status == JobStatus::running && next == JobStatus::waiting) ++waiting_;
  if (next == JobStatus::running && state.attained > Seconds(0)) ++state.restarts;
  state.status = next;
  state.allocation = std::move(allocation);
  state.rate = pace.progress;
  state.trained_rate = pace.trained;
  state.batch = pace.batch;
  state.progress_from = now_ + startup;
}

void ClusterState::leave(JobId id, JobStatus final_status) {
  JobState& state = states_[id.index()];
  const auto at = std::ranges::find(active_, id);
  BOURSE_CHECK(at != active_.end());
  active_.erase(at);
  if (state.status == JobStatus::waiting) --waiting_;
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

}  // namespace bourse
