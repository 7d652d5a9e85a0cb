#include "bourse/policy/sjf_bco.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

#include "bourse/policy/in_order.h"
#include "bourse/policy/job_sizes.h"

namespace bourse {
namespace {

std::size_t planned_resource(const Cluster& cluster) {
  return cluster.types.find("gpu").value_or(0);
}

int gpus_per_worker(const JobSpec& job, std::size_t resource) {
  const Amount each = (job.worker[resource] + kAmountsPerUnit - 1) / kAmountsPerUnit;
  return static_cast<int>(std::clamp<Amount>(each, 1, kMaxWorkers));
}

/// GPUs of each machine with the expected ends of what runs on them.
GpuTimes times_of(const ClusterState& state) {
  const Cluster& cluster = state.cluster();
  const std::size_t resource = planned_resource(cluster);
  GpuTimes times{.busy = std::vector<std::vector<double>>(cluster.machines.size()),
                 .crossing = std::vector<int>(cluster.machines.size())};
  for (const JobId id : state.active()) {
    const JobState& running = state.job(id);
    if (running.allocation.empty()) continue;
    const JobSpec& job = state.spec(id);
    const double speed = declared_speed(job, running.allocation, cluster);
    const Seconds startup = std::max(Seconds(0), running.progress_from - state.now());
    const double end = speed > 0 ? startup.value + state.samples_left(id) / speed : 0;
    const bool crosses =
        running.allocation.size() > 1 && std::holds_alternative<RingThroughput>(job.throughput);
    for (const TaskGroup& group : running.allocation) {
      std::vector<double>& busy = times.busy[group.machine.index()];
      busy.insert(busy.end(),
                  static_cast<std::size_t>(group.workers) *
                      static_cast<std::size_t>(gpus_per_worker(job, resource)),
                  end);
      if (crosses) ++times.crossing[group.machine.index()];
    }
  }
  for (std::size_t h = 0; h < times.busy.size(); ++h) {
    const MachineId id(h);
    const auto all = static_cast<std::size_t>(
        state.is_up(id) ? cluster.capacity(id)[resource] / kAmountsPerUnit : 0);
    times.busy[h].resize(all, 0);
    std::ranges::sort(times.busy[h]);
  }
  return times;
}

/// The planned workers, and servers beside them or else on any machine.
std::optional<Allocation> planned_allocation(const FreeCapacity& free, const JobSpec& job,
                                             const BcoPlacement& planned) {
  Allocation placed;
  for (const auto& [machine, workers] : planned.workers) placed.push_back({machine, workers, 0});
  if (!free.has(job, placed)) return std::nullopt;
  int servers = job.requested_servers;
  if (servers == 0) return placed;
  FreeCapacity scratch = free;
  scratch.take(job, placed);
  Allocation beside;
  for (const TaskGroup& group : placed) {
    const auto count =
        static_cast<int>(count_that_fits(job.server, scratch.of(group.machine), servers));
    if (count == 0) continue;
    beside.push_back({group.machine, 0, count});
    servers -= count;
  }
  scratch.take(job, beside);
  placed.insert(placed.end(), beside.begin(), beside.end());
  if (servers > 0) {
    const auto others = place(scratch, job, {0, servers});
    if (!others) return std::nullopt;
    placed.insert(placed.end(), others->begin(), others->end());
  }
  normalize(placed);
  return placed;
}

}  // namespace

void SjfBcoPolicy::update_queue(const ClusterState& state, const Event& event) {
  // After a restart of the daemon jobs arrive that run already, and not all that is started is
  // done.
  if (event.kind == EventKind::arrival && state.job(event.job).status == JobStatus::waiting)
    queue_.push_back({event.job, batch_});
  const bool misses_some = event.kind == EventKind::wake && queue_.size() < state.waiting_count();
  if (event.kind == EventKind::machine_down || misses_some) {
    planned_.clear();  // Jobs came back to the queue, or lost their plan.
    for (const JobId id : state.active())
      if (state.job(id).status == JobStatus::waiting &&
          std::ranges::find(queue_, id, &Waiting::id) == queue_.end())
        queue_.push_back({id, batch_});
  }
  const auto is_gone = [&](JobId id) { return state.job(id).status != JobStatus::waiting; };
  if (event.kind != EventKind::cancel) return;
  std::erase_if(queue_, [&](const Waiting& w) { return is_gone(w.id); });
  std::erase_if(planned_, [&](const BcoPlacement& p) { return is_gone(p.id); });
}

void SjfBcoPolicy::plan(const ClusterState& state) {
  GpuTimes times = times_of(state);
  const std::size_t resource = planned_resource(state.cluster());
  planned_.clear();
  const std::size_t count = std::min(queue_.size(), static_cast<std::size_t>(options_.max_planned));
  std::ranges::stable_sort(queue_, {}, &Waiting::batch);
  for (std::size_t first = 0; first < count;) {
    std::vector<BcoJob> jobs;
    const std::uint64_t batch = queue_[first].batch;
    for (; first < count && queue_[first].batch == batch; ++first) {
      const JobId id = queue_[first].id;
      const JobSpec& job = state.spec(id);
      jobs.push_back({.id = id,
                      .spec = &job,
                      .samples = state.samples_left(id),
                      .workers = job.requested_workers,
                      .gpus_per_worker = gpus_per_worker(job, resource)});
    }
    std::vector<BcoPlacement> placements = plan_batch(std::move(jobs), times, options_.plan);
    planned_.insert(planned_.end(), std::make_move_iterator(placements.begin()),
                    std::make_move_iterator(placements.end()));
  }
  // Batches one after another; within each by start.
  std::ranges::stable_sort(planned_, {}, &BcoPlacement::start);
  ++batch_;
}

void SjfBcoPolicy::start(const ClusterState& state, JobId id, FreeCapacity& free, Allocation placed,
                         Decision& decision) {
  free.take(state.spec(id), placed);
  decision.reasons.push_back({id, ReasonCode::started, {}});
  decision.changes.push_back({id, std::move(placed)});
  std::erase_if(queue_, [&](const Waiting& w) { return w.id == id; });
}

void SjfBcoPolicy::follow(const ClusterState& state, Decision& decision) {
  FreeCapacity free(state);
  std::vector<bool> is_awaited(free.machine_count(), false);
  std::erase_if(planned_, [&](const BcoPlacement& planned) {
    const bool is_blocked = std::ranges::any_of(
        planned.workers, [&](const auto& part) { return is_awaited[part.first.index()]; });
    std::optional<Allocation> placed;
    if (!is_blocked) placed = planned_allocation(free, state.spec(planned.id), planned);
    if (placed && declared_speed(state.spec(planned.id), *placed, state.cluster()) > 0) {
      start(state, planned.id, free, std::move(*placed), decision);
      return true;
    }
    for (const auto& [machine, workers] : planned.workers) is_awaited[machine.index()] = true;
    return false;
  });
  const bool nothing_runs = state.waiting_count() == state.active().size();
  if (!nothing_runs || !decision.changes.empty()) return;
  const std::vector<Waiting> queue = queue_;
  for (const Waiting& waiting : queue) {
    const JobSpec& job = state.spec(waiting.id);
    auto placed = place(free, job, requested_tasks(job));
    if (!placed) continue;
    start(state, waiting.id, free, std::move(*placed), decision);
    std::erase_if(planned_, [&](const BcoPlacement& p) { return p.id == waiting.id; });
  }
}

Decision SjfBcoPolicy::decide(const ClusterState& state, const Event& event) {
  Decision decision;
  update_queue(state, event);
  if (rounds_.begins(state, event)) {
    if (!queue_.empty()) {
      plan(state);
      follow(state, decision);
    }
    const bool nothing_runs = state.waiting_count() == state.active().size();
    const bool is_still = queue_.empty() || (decision.changes.empty() && nothing_runs);
    decision.wake_at = rounds_.wake_after_round(is_still);
    return decision;
  }
  if (event.kind == EventKind::arrival && queue_.size() == 1 && queue_[0].id == event.job) {
    FreeCapacity free(state);
    const JobSpec& job = state.spec(event.job);
    if (auto placed = place(free, job, requested_tasks(job)))
      start(state, event.job, free, std::move(*placed), decision);
  } else if (event.kind == EventKind::finish || event.kind == EventKind::machine_up) {
    if (!planned_.empty()) follow(state, decision);
  }
  if (event.kind == EventKind::arrival && decision.changes.empty())
    decision.reasons.push_back({event.job, ReasonCode::no_room, {}});
  if (!queue_.empty()) decision.wake_at = rounds_.wake_after_event(state);
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_sjf_bco(const SettingsReader& settings,
                                             const PolicyContext& context) {
  SjfBcoOptions options;
  if (context.slot > Seconds(0)) options.interval = context.slot;
  BOURSE_TRY(options.interval, settings.period("interval", options.interval));
  BOURSE_TRY(options.plan.contention.alpha, settings.number("alpha", 0, 10));
  BOURSE_TRY(options.plan.contention.crossing_share, settings.number("crossing-share", 0, 1));
  BOURSE_TRY(options.plan.contention.per_machine, settings.seconds("machine-overhead"));
  BOURSE_TRY(options.plan.lambda, settings.number("lambda", 1, 100));
  BOURSE_TRY(options.plan.bisections, settings.whole("bisections", 0, 60));
  BOURSE_TRY(options.max_planned, settings.whole("planned", 1, 10'000));
  return std::make_unique<SjfBcoPolicy>(options);
}

}  // namespace

PolicyInfo sjf_bco_info() {
  return {"sjf-bco",
          "small jobs first on full machines, wide ones on idle machines, for a small makespan",
          "Yu et al., SJF-BCO, MobiHoc'22",
          "the request, throughput shape, the declared work",
          {{"interval", "auto", "auto | a duration from 1ms",
            "arrivals so far apart are one batch; auto = the workload's slot, else 10min"},
           {"alpha", "0.2", "0 to 10", "what sharing a link costs beyond its parts"},
           {"crossing-share", "1", "0 to 1", "xi1; how much of the rings on a link count for it"},
           {"machine-overhead", "0s", "a duration", "xi2; of each step for each machine of a ring"},
           {"lambda", "1.5", "1 to 100", "spare GPUs among which wide jobs take the least busy"},
           {"bisections", "8", "0 to 60", "of the time budget; more take more time"},
           {"planned", "64", "1 to 10000", "most waiting jobs in a plan; more take more time"}},
          make_sjf_bco};
}

}  // namespace bourse
