#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bourse/policy/rates.h"
#include "bourse/service/incarnation.h"
#include "bourse/service/reason.h"
#include "bourse/service/service.h"

namespace bourse {
namespace {

constexpr std::size_t kMostSteps = 200;
/// A policy is asked at most so often where a forecast is made.
constexpr int kForecastWakes = 8;

}  // namespace

std::string Service::directory_of(JobNumber number) const {
  return fmt::format("{}/jobs/{}", options_.directory, number);
}

std::vector<PlacementView> Service::placement_of(const Allocation& allocation) const {
  std::vector<PlacementView> views;
  for (const TaskGroup& group : allocation)
    views.push_back({.machine = cluster().machine_name(group.machine),
                     .workers = group.workers,
                     .servers = group.servers});
  return views;
}

std::vector<PlanView> Service::plan_of(std::span<const PlannedSlot> plan) const {
  std::vector<PlanView> views;
  for (const PlannedSlot& slot : plan)
    if (slot.to > policy_now())
      views.push_back(
          {unix_time_of(slot.from), unix_time_of(slot.to), placement_of(slot.allocation)});
  return views;
}

JobView Service::view_of(const StoredJob& record) const {
  return {.number = record.number,
          .name = record.name,
          .group = record.group,
          .owner = record.owner,
          .phase = record.phase,
          .reason = record.reason,
          .submitted = record.submitted,
          .started = record.started,
          .ended = record.ended,
          .promised = record.promised,
          .expected = std::nullopt,
          .samples = record.samples,
          .samples_done = record.samples_done,
          .samples_per_second = 0,
          .utility = record.utility,
          .workers = 0,
          .servers = 0,
          .epoch = record.epoch,
          .restarts = record.restarts,
          .resizes = record.resizes,
          .account = record.account,
          .charged = record.charged};
}

JobView Service::view_of(const LiveJob& job) const {
  JobView view = view_of(job.record);
  if (job.charge) {
    view.account = job.charge->account;
    view.charged = job.charge->price - job.charge->refund;
  }
  const TaskCounts tasks = tasks_of(job.running);
  view.workers = tasks.workers;
  view.servers = tasks.servers;
  if (job.record.phase != JobPhase::running || job.has_left) return view;
  const JobState& state = state_.job(job.id);
  const double passed = (policy_now() - state.progress_from).value;
  view.samples_per_second = state.rate;
  view.samples_done =
      std::min(job.record.samples, state.samples_done + state.rate * std::max(0.0, passed));
  if (state.rate > 0) {
    const double left = job.record.samples - view.samples_done;
    view.expected = unix_now() + Seconds(left / state.rate);
    const JobSpec& spec = state_.spec(job.id);
    view.utility = utility_at(spec.utility, *view.expected - job.record.submitted);
  }
  return view;
}

std::vector<JobView> Service::jobs(const JobQuery& query) {
  std::vector<JobView> views;
  for (const StoredJob& record : store_->jobs(query)) {
    const auto at = jobs_.find(record.number);
    views.push_back(at != jobs_.end() ? view_of(at->second) : view_of(record));
  }
  return views;
}

Result<JobDetail> Service::job(JobNumber number) {
  const std::optional<StoredJob> record = store_->job(number);
  if (!record) return fail(ErrorCode::not_found, fmt::format("there is no job {}", number));
  JobDetail detail{.job = view_of(*record),
                   .file = record->text,
                   .placement = {},
                   .plan = {},
                   .history = store_->history(number, kMostSteps),
                   .tasks = {},
                   .loss = record->loss,
                   .directory = {},
                   .speeds = {}};
  if (const auto at = jobs_.find(number); at != jobs_.end()) {
    detail.job = view_of(at->second);
    detail.placement = placement_of(at->second.running);
    detail.plan = plan_of(at->second.plan);
    detail.loss = at->second.record.loss;
  }
  const ObservedSpeeds speeds = ObservedSpeeds::parse(record->speeds);
  for (const ObservedSpeeds::Stretch& stretch : speeds.stretches())
    detail.speeds.push_back({.workers = stretch.tasks.workers,
                             .servers = stretch.tasks.servers,
                             .seconds = stretch.seconds,
                             .predicted = stretch.predicted,
                             .measured = stretch.measured()});
  if (const auto file = parse_job_file(record->text, "job.yaml", CommandTexts::shell_too))
    detail.directory = checkpoint_directory(*file, directory_of(number), record->directory);
  if (const auto logs = world_.files.list(directory_of(number) + "/logs"))
    for (const std::string& name : *logs)
      if (name.ends_with(".log")) detail.tasks.push_back(name.substr(0, name.size() - 4));
  return detail;
}

Result<std::optional<Explanation>> Service::explain(JobNumber number) {
  const auto at = jobs_.find(number);
  if (at == jobs_.end() || at->second.has_left) {
    if (!store_->job(number))
      return fail(ErrorCode::not_found, fmt::format("there is no job {}", number));
    return fail(ErrorCode::failed_precondition,
                fmt::format("job {} has ended; its history says why", number));
  }
  if (state_.job(at->second.id).status == JobStatus::pending) return std::optional<Explanation>();
  state_.set_now(std::max(state_.now(), policy_now()));
  return policy_->explain(state_, at->second.id);
}

std::vector<MachineView> Service::machines() const {
  std::vector<MachineView> views;
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    const MachineId id(m);
    const MachineState& state = machines_[m];
    const std::span<const Amount> capacity = cluster().capacity(id);
    MachineView view{.name = cluster().machine_name(id),
                     .state = "up",
                     .reason = state.reason,
                     .capacity = {capacity.begin(), capacity.end()},
                     .used = {},
                     .jobs = {}};
    for (std::size_t r = 0; r < capacity.size(); ++r)
      view.used.push_back(capacity[r] - state.free[r]);
    views.push_back(std::move(view));
  }
  for (const auto& [number, job] : jobs_)
    for (const LiveCell& cell : job.cells) {
      std::vector<JobNumber>& there = views[cell.record.machine].jobs;
      if (there.empty() || there.back() != number) there.push_back(number);
    }
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    if (machines_[m].is_draining) views[m].state = views[m].jobs.empty() ? "drained" : "draining";
    if (machines_[m].is_down) views[m].state = "down";
  }
  return views;
}

std::vector<ResourcePrice> Service::prices() const {
  std::vector<ResourcePrice> views;
  const std::vector<double> prices = policy_->prices_now();
  for (std::size_t r = 0; r < prices.size(); ++r)
    views.push_back({cluster().types[r].name, prices[r]});
  return views;
}

std::vector<ChangeView> Service::changes_after(std::uint64_t number, std::size_t limit) {
  return store_->changes_after(number, limit);
}

Result<std::string> Service::log(JobNumber number, const std::string& task, std::uint64_t offset,
                                 std::uint64_t size) {
  const bool is_name = !task.empty() && std::ranges::all_of(task, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  const std::string path = fmt::format("{}/logs/{}", directory_of(number), log_name(task));
  if (!is_name || !world_.files.exists(path))
    return fail(ErrorCode::not_found, fmt::format("job {} has no log of task '{}'", number, task));
  return world_.files.read_part(path, offset, size);
}

/// A new policy learns of one job after the other, as after a restart: first of what runs.
void Service::teach(Policy& policy, ClusterState& state) const {
  for (const bool runs : {true, false})
    for (const JobId active : state_.active()) {
      const JobState& known = state_.job(active);
      if (known.allocation.empty() == runs) continue;
      const LiveJob& job = jobs_.at(number_of_[active.index()]);
      state.arrive(active);
      state.observe(active, state_.samples_done(active), 0, Seconds(0));
      if (runs)
        state.allocate(
            active, known.allocation,
            {pace_of(state.spec(active), known.allocation, cluster(), known.batch), known.batch},
            Seconds(0));
      const Seconds promised =
          job.record.promised ? *job.record.promised - store_->beginning() : kForever;
      // What it decides for a job that it learns of does not count: that has been decided.
      if (!policy.adopt(state, active, job.plan, promised))
        (void)policy.decide(state, {.kind = EventKind::arrival, .job = active});
    }
}

Result<Forecast> Service::forecast(const Submission& submission) {
  BOURSE_TRY(const JobFile file, parse_job_file(submission.text, submission.file));
  const Seconds now = std::max(state_.now(), policy_now());
  BOURSE_TRY(JobSpec spec, bind_job(file, cluster(), now));
  const std::string group = file.group.empty() ? submission.user : file.group;
  BOURSE_TRY_VOID(check_member(group, submission));
  BOURSE_TRY(const std::unique_ptr<Policy> policy, options_.make_policy());
  accounts_.renew(unix_now());
  policy->set_purse([this, account = accounts_.of_group(group).name](JobId, double price) {
    return accounts_.can_pay(account, price);
  });
  // A copy of all that the policy knows, with the job in it.
  std::vector<JobSpec> specs = specs_;
  specs.push_back(std::move(spec));
  const JobId id(specs.size() - 1);
  ClusterState state(cluster(), specs);
  state.set_now(now);
  for (std::size_t m = 0; m < machines_.size(); ++m)
    if (!state_.is_up(MachineId(m))) state.set_up(MachineId(m), false);
  teach(*policy, state);
  state.arrive(id);
  Forecast forecast;
  Event event{.kind = EventKind::arrival, .job = id};
  for (int wakes = 0; wakes < kForecastWakes; ++wakes) {
    const Decision decision = policy->decide(state, event);
    for (const Reason& reason : decision.reasons)
      if (reason.job == id) {
        forecast.reason = reason_told_at(reason, now);
        // Of an admitted job: utility, cost; of one that was looked at: payoff, utility, cost.
        const bool is_booked = reason.code == ReasonCode::admitted;
        forecast.utility = reason.numbers[is_booked ? 0 : 1];
        forecast.cost = reason.numbers[is_booked ? 1 : 2];
        if (is_booked) forecast.completes = unix_time_of(Seconds(reason.numbers[3]));
        forecast.is_admitted =
            reason.code == ReasonCode::admitted || reason.code == ReasonCode::started;
      }
    std::vector<PlannedSlot> plan;
    for (const PlannedSlot& slot : decision.plan)
      if (slot.job == id) plan.push_back(slot);
    for (const Change& change : decision.changes)
      if (change.job == id && !change.allocation.empty()) forecast.starts = unix_time_of(now);
    if (!plan.empty()) {
      forecast.plan = plan_of(plan);
      forecast.starts = unix_time_of(std::max(now, plan.front().from));
    }
    if (!forecast.reason.empty() || decision.wake_at > now) break;
    event = {.kind = EventKind::wake};
  }
  return forecast;
}

}  // namespace bourse
