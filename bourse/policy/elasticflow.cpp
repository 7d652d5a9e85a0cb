#include "bourse/policy/elasticflow.h"

#include <algorithm>
#include <queue>
#include <tuple>
#include <utility>

#include "bourse/policy/failed_demands.h"
#include "bourse/policy/in_order.h"
#include "bourse/policy/repacking.h"

namespace bourse {

/// The size that a job shall have now.
struct ElasticFlowPolicy::Target {
  JobId id;
  int size = ElasticPlan::kPaused;
  bool is_promised = false;
};

double ElasticFlowPolicy::work_left(const ClusterState& state, JobId id) const {
  return state.samples_left(id) * (1 + options_.margin);
}

void ElasticFlowPolicy::set_capacity(const ClusterState& state) {
  const Cluster& cluster = state.cluster();
  ResourceVector capacity(cluster.types.size());
  for (std::size_t h = 0; h < cluster.machines.size(); ++h) {
    if (!state.is_up(MachineId(h))) continue;
    const auto machine = cluster.capacity(MachineId(h));
    for (std::size_t r = 0; r < capacity.size(); ++r) capacity[r] += machine[r];
  }
  book_.set_capacity(std::move(capacity));
}

/// Promised jobs by deadline; ties by arrival, then id.
std::vector<JobId> ElasticFlowPolicy::promised(const ClusterState& state) const {
  std::vector<JobId> jobs;
  for (const JobId id : state.active())
    if (known_[id.index()].is_promised) jobs.push_back(id);
  std::ranges::stable_sort(jobs, {}, [&](JobId id) { return known_[id.index()].deadline.time; });
  return jobs;
}

/// Plans these jobs anew on an empty calendar. If one cannot be on time, either it loses its
/// promise, or nothing changes and the answer is false.
bool ElasticFlowPolicy::plan_all(const ClusterState& state, std::vector<JobId> jobs,
                                 bool drop_who_is_late) {
  const SlotBook before = book_;
  book_.clear();
  std::vector<std::optional<ElasticPlan>> plans;
  for (const JobId id : jobs) {
    const Known& job = known_[id.index()];
    plans.push_back(
        least_share(book_, job.sizes, work_left(state, id), state.now(), job.deadline.time));
    if (plans.back()) {
      book_plan(book_, job.sizes, *plans.back(), 1);
    } else if (!drop_who_is_late) {
      book_ = before;
      return false;
    }
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Known& job = known_[jobs[i].index()];
    job.is_promised = plans[i].has_value();
    job.plan = plans[i].value_or(ElasticPlan{});
  }
  return true;
}

bool ElasticFlowPolicy::admit(const ClusterState& state, JobId id) {
  Known& job = known_[id.index()];
  auto plan = least_share(book_, job.sizes, work_left(state, id), state.now(), job.deadline.time);
  if (plan) {
    book_plan(book_, job.sizes, *plan, 1);
    job.plan = *std::move(plan);
    job.is_promised = true;
    return true;
  }
  std::vector<JobId> all = promised(state);
  const auto at = std::ranges::upper_bound(
      all, job.deadline.time, {}, [&](JobId other) { return known_[other.index()].deadline.time; });
  // Those before it would be planned as they are; only those after it can make room.
  if (at == all.end()) return false;
  all.insert(at, id);
  return plan_all(state, std::move(all), false);
}

void ElasticFlowPolicy::forget(JobId id) {
  if (id.index() >= known_.size()) return;
  Known& job = known_[id.index()];
  if (job.is_promised) book_plan(book_, job.sizes, job.plan, -1);
  job.is_promised = false;
}

bool ElasticFlowPolicy::somebody_is_behind(const ClusterState& state) const {
  return std::ranges::any_of(state.active(), [&](JobId id) {
    const Known& job = known_[id.index()];
    return job.is_promised && planned_samples(book_, job.sizes, job.plan, state.now()) <
                                  work_left(state, id) * (1 - 1e-6);
  });
}

/// The largest size within what the job holds.
int ElasticFlowPolicy::held_size(const ClusterState& state, JobId id) const {
  const TaskCounts held = tasks_of(state.job(id).allocation);
  const std::vector<ElasticSize>& sizes = known_[id.index()].sizes;
  int size = ElasticPlan::kPaused;
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i].tasks.workers <= held.workers && sizes[i].tasks.servers <= held.servers)
      size = static_cast<int>(i);
  return size;
}

/// Promised sizes first, then the smallest of the others, as far as the cluster's amounts go.
std::vector<ElasticFlowPolicy::Target> ElasticFlowPolicy::targets(const ClusterState& state,
                                                                  bool may_grow) const {
  ResourceVector free(state.cluster().types.size());
  for (std::size_t h = 0; h < state.cluster().machines.size(); ++h)
    if (state.is_up(MachineId(h))) take(free, state.cluster().capacity(MachineId(h)), -1);
  std::vector<Target> targets;
  const auto give = [&](Target& target, int size) {
    const std::vector<ElasticSize>& sizes = known_[target.id.index()].sizes;
    if (target.size >= 0) take(free, sizes[static_cast<std::size_t>(target.size)].demand, -1);
    if (size >= 0 && fits(sizes[static_cast<std::size_t>(size)].demand, free)) target.size = size;
    if (target.size >= 0) take(free, sizes[static_cast<std::size_t>(target.size)].demand, 1);
  };
  for (const JobId id : promised(state)) {
    targets.push_back({id, ElasticPlan::kPaused, true});
    give(targets.back(), known_[id.index()].plan.size_in(book_.current()));
  }
  std::vector<JobId> others;
  for (const JobId id : state.active())
    if (!known_[id.index()].is_promised) others.push_back(id);
  std::ranges::stable_sort(others, {}, [&](JobId id) {
    return std::pair(state.job(id).status == JobStatus::waiting, known_[id.index()].deadline.time);
  });
  for (const JobId id : others) targets.push_back({id, ElasticPlan::kPaused, false});
  for (Target& target : targets)
    if (target.size == ElasticPlan::kPaused) give(target, 0);
  if (may_grow) {
    grow(state, targets, free);
    return targets;
  }
  for (Target& target : targets)
    if (const int held = held_size(state, target.id); held > target.size) give(target, held);
  return targets;
}

/// The job whose time shrinks most per GPU (or of its first resource) gets its next size, until
/// none fits.
void ElasticFlowPolicy::grow(const ClusterState& state, std::vector<Target>& targets,
                             ResourceVector& free) const {
  struct Step {
    double gain;
    std::size_t rank;
    bool operator<(const Step& other) const {
      return std::tuple(gain, other.rank) < std::tuple(other.gain, rank);
    }
  };
  const std::size_t primary = state.cluster().types.find("gpu").value_or(0);
  std::priority_queue<Step> steps;
  const auto add_step = [&](std::size_t rank) {
    const Target& target = targets[rank];
    const std::vector<ElasticSize>& sizes = known_[target.id.index()].sizes;
    const auto next = static_cast<std::size_t>(target.size) + 1;
    if (target.size < 0 || next >= sizes.size()) return;
    const double left = state.samples_left(target.id);
    const Amount more = sizes[next].demand[primary] - sizes[next - 1].demand[primary];
    const double saved = left / sizes[next - 1].rate - left / sizes[next].rate;
    steps.push({saved / static_cast<double>(std::max<Amount>(more, 1)), rank});
  };
  for (std::size_t rank = 0; rank < targets.size(); ++rank) add_step(rank);
  while (!steps.empty()) {
    const std::size_t rank = steps.top().rank;
    steps.pop();
    Target& target = targets[rank];
    const std::vector<ElasticSize>& sizes = known_[target.id.index()].sizes;
    const auto size = static_cast<std::size_t>(target.size);
    take(free, sizes[size].demand, -1);
    const bool has_room = fits(sizes[size + 1].demand, free);
    if (has_room) ++target.size;
    take(free, sizes[static_cast<std::size_t>(target.size)].demand, 1);
    if (has_room) add_step(rank);
  }
}

Decision ElasticFlowPolicy::enact(const ClusterState& state, bool may_grow) const {
  Repacking repacking(state);
  FailedDemands failed;
  for (const Target& target : targets(state, may_grow)) {
    const JobSpec& job = state.spec(target.id);
    const std::vector<ElasticSize>& sizes = known_[target.id.index()].sizes;
    for (int size = target.size; size >= 0; --size) {
      const TaskCounts tasks = sizes[static_cast<std::size_t>(size)].tasks;
      if (state.job(target.id).allocation.empty() && failed.covers(job, tasks)) continue;
      if (repacking.try_run(target.id, tasks)) break;
      failed.add(job, tasks);
    }
  }
  return repacking.decision();
}

/// False: the newcomer is turned away.
bool ElasticFlowPolicy::enter(const ClusterState& state, JobId id) {
  if (id.index() >= known_.size()) known_.resize(id.index() + 1);
  set_capacity(state);
  Known& job = known_[id.index()];
  job.sizes = elastic_sizes(state.cluster(), state.spec(id));
  job.deadline = deadline_of(state.spec(id));
  if (job.sizes.empty()) return false;
  if (job.deadline.time == kForever || admit(state, id)) return true;
  if (options_.decline == ElasticDecline::hard) return !job.deadline.is_hard;
  return options_.decline == ElasticDecline::none;
}

/// Starts the newcomer as it is planned if nobody else waits and it fits: nothing else changes.
std::optional<Decision> ElasticFlowPolicy::start_newcomer(const ClusterState& state,
                                                          JobId id) const {
  if (state.waiting_count() != 1) return std::nullopt;
  const Known& job = known_[id.index()];
  const int size = job.is_promised ? job.plan.size_in(book_.current()) : 0;
  if (size < 0) return std::nullopt;
  auto placed = place(state, state.spec(id), job.sizes[static_cast<std::size_t>(size)].tasks);
  if (!placed) return std::nullopt;
  Decision decision;
  decision.reasons.push_back({id, ReasonCode::started, {}});
  decision.changes.push_back({id, std::move(*placed)});
  return decision;
}

/// The next slot while somebody waits or may grow; never while nothing can ever start.
Seconds ElasticFlowPolicy::next_wake(const ClusterState& state, const Decision& decision) const {
  const std::size_t waits = waiting_after(state, decision);
  const bool nothing_runs = waits + decision.declined.size() == state.active().size();
  const auto some_job = [&](auto holds) { return std::ranges::any_of(state.active(), holds); };
  const bool is_planned = some_job([&](JobId id) {
    const Known& job = known_[id.index()];
    const auto slots = static_cast<std::int64_t>(job.plan.sizes.size());
    return job.is_promised && job.plan.first + slots > book_.current() + 1;
  });
  if (nothing_runs && !is_planned) return kForever;
  const bool may_change =
      waits > 0 || some_job([&](JobId id) { return known_[id.index()].sizes.size() > 1; });
  return may_change ? book_.start_of(book_.current() + 1) : kForever;
}

Decision ElasticFlowPolicy::decide(const ClusterState& state, const Event& event) {
  book_.advance(state.now());
  Decision decision;
  if (event.kind == EventKind::arrival && !enter(state, event.job)) {
    decision.declined.push_back(event.job);
    decision.reasons.push_back({event.job, ReasonCode::no_schedule, {}});
    decision.wake_at = next_wake(state, decision);
    return decision;
  }
  const bool machines_changed =
      event.kind == EventKind::machine_up || event.kind == EventKind::machine_down;
  if (event.kind == EventKind::finish || event.kind == EventKind::cancel) forget(event.job);
  if (machines_changed) set_capacity(state);
  const bool is_slot_start = event.kind == EventKind::wake && entered_ < book_.current();
  if (is_slot_start) entered_ = book_.current();
  if (machines_changed || (is_slot_start && somebody_is_behind(state)))
    plan_all(state, promised(state), true);
  std::optional<Decision> started;
  if (event.kind == EventKind::arrival) started = start_newcomer(state, event.job);
  if (started)
    decision = *std::move(started);
  else if (state.waiting_count() > 0 || is_slot_start)
    decision = enact(state, is_slot_start && options_.grow);
  decision.wake_at = next_wake(state, decision);
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_elasticflow(const SettingsReader& settings,
                                                 const PolicyContext& context) {
  ElasticFlowOptions options;
  if (context.slot > Seconds(0)) options.slot = context.slot;
  BOURSE_TRY(options.slot, settings.period("slot", options.slot));
  BOURSE_TRY(const std::size_t decline, settings.choice("decline", {"hard", "all", "none"}));
  options.decline = static_cast<ElasticDecline>(decline);
  BOURSE_TRY(options.grow, settings.flag("grow"));
  BOURSE_TRY(options.margin, settings.number("margin", 0, 10));
  return std::make_unique<ElasticFlowPolicy>(options);
}

}  // namespace

PolicyInfo elasticflow_info() {
  return {
      "elasticflow",
      "admits a job if its deadline can be kept beside those promised; elastic workers",
      "Gu et al., ElasticFlow, ASPLOS'23",
      "demands, throughput shape, work and the deadline that its utility states",
      {{"slot", "auto", "auto | a duration from 1ms",
        "length of a slot of the calendar; auto = the workload's, else 10min"},
       {"decline", "hard", "hard | all | none",
        "who is turned away if its deadline cannot be kept: jobs worth nothing after it, all "
        "with a deadline, or nobody"},
       {"grow", "true", "true | false",
        "what is idle goes to elastic jobs at the start of each slot; each resize is a restart"},
       {"margin", "0", "0 to 10",
        "share of its work planned in addition, for restarts and slow machines"}},
      make_elasticflow};
}

}  // namespace bourse
