#include "bourse/simulation/simulate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <queue>
#include <tuple>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

/// Work this close to a job's total, relative to it, counts as done when something else happens.
constexpr double kDoneTolerance = 1e-8;
constexpr std::uint64_t kProgressEvery = 4096;
/// A policy that asks to be woken this often in a row, while nothing else is to come, and changes
/// nothing has nothing left to do.
constexpr std::uint64_t kMaxIdleWakes = 1'000'000;
/// A policy that is woken more often than this at one instant never lets time move on.
constexpr std::uint64_t kMaxWakesAtOnce = 10'000;

struct Completion {
  Seconds time;
  Seconds slack;  ///< Before `time`, in which so little is left that it counts as done.
  JobId job;
  std::uint32_t version;  ///< Of the job's allocation; an older one is void.
  bool operator>(const Completion& other) const {
    return std::tie(time, job) > std::tie(other.time, other.job);
  }
};

struct MachineEvent {
  Seconds time;
  bool up;
  MachineId machine;
};

std::vector<MachineEvent> machine_events(const std::vector<Outage>& outages) {
  std::vector<MachineEvent> events;
  for (const Outage& outage : outages) {
    events.push_back({outage.from, false, outage.machine});
    if (outage.to < kForever) events.push_back({outage.to, true, outage.machine});
  }
  std::ranges::sort(events, {},
                    [](const MachineEvent& e) { return std::tuple(e.time, !e.up, e.machine); });
  return events;
}

/// One run: the true state of the cluster, the clock, and what is measured.
class Run {
 public:
  /// One of the two policies is given.
  Run(const Instance& instance, Policy* policy, ForeignPolicy* foreign,
      const SimulationOptions& options);
  SimulationResult result() &&;
  /// Why a foreign policy could not go on; nothing if it could.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void play();
  void complete(JobId id);
  void arrive(JobId id);
  void change_machine(const MachineEvent& event);
  void lose_allocation(JobId id);
  void ask(const Event& event);
  [[nodiscard]] Decision decision_on(const Event& event);
  [[nodiscard]] Result<Decision> foreign_decision(const Event& event);
  void wake(bool is_alone);
  void end_with(const Event& event, const Error& error);
  [[nodiscard]] std::string event_text(const Event& event) const;
  void apply(Decision& decision);
  void change_allocation(Change& change);
  [[nodiscard]] Pace pace_of_change(const Change& change) const;
  void expect_completion(JobId id);
  void advance(Seconds to);
  void record_usage();
  void record_explanation(const Decision& decision);
  void record_prices();
  [[nodiscard]] double units_held(JobId id) const;
  void settle_usage(JobId id);

  const Instance& instance_;
  Policy* policy_;
  ForeignPolicy* foreign_;
  std::optional<Error> error_;
  const SimulationOptions& options_;
  ClusterState state_;
  SimulationResult result_;
  std::size_t primary_;
  double capacity_ = 0;     ///< Units of the primary resource in the whole cluster.
  double capacity_up_ = 0;  ///< Of these, on machines that are up.
  double used_ = 0;         ///< Units held now.
  Seconds clock_{0};
  double job_seconds_ = 0;  ///< Integral of the number of active jobs.
  double used_at_makespan_ = 0;
  double capacity_at_makespan_ = 0;
  std::vector<double> speed_factor_;    ///< True speed over declared speed; empty: all 1.
  std::vector<std::uint32_t> version_;  ///< Of each job's allocation.
  std::vector<Seconds> usage_since_;    ///< Until when resource_seconds of a job is settled.
  std::vector<double> job_seconds_at_arrival_;
  std::vector<JobId> arrivals_;  ///< By (arrival, id).
  std::size_t next_arrival_ = 0;
  std::vector<MachineEvent> machine_events_;
  std::size_t next_machine_event_ = 0;
  std::priority_queue<Completion, std::vector<Completion>, std::greater<>> completions_;
  Seconds wake_at_ = kForever;
  std::uint64_t idle_wakes_ = 0;
  Seconds woken_at_{-1};             ///< Last time.
  std::uint64_t wakes_at_once_ = 0;  ///< At that instant.
  std::size_t over_ = 0;             ///< Jobs finished or declined.
};

Run::Run(const Instance& instance, Policy* policy, ForeignPolicy* foreign,
         const SimulationOptions& options)
    : instance_(instance),
      policy_(policy),
      foreign_(foreign),
      options_(options),
      state_(instance.cluster, instance.jobs),
      primary_(primary_resource(instance.cluster)),
      version_(instance.jobs.size()),
      usage_since_(instance.jobs.size()),
      job_seconds_at_arrival_(instance.jobs.size()),
      arrivals_(instance.jobs.size()),
      machine_events_(machine_events(options.outages)) {
  result_.jobs.resize(instance.jobs.size());
  capacity_ = static_cast<double>(instance.cluster.total()[primary_]) / kAmountsPerUnit;
  capacity_up_ = capacity_;
  for (std::size_t i = 0; i < arrivals_.size(); ++i) arrivals_[i] = JobId(i);
  std::ranges::stable_sort(arrivals_, {}, [&](JobId id) { return state_.spec(id).arrival; });
  if (options.belief_error > 0) {
    for (std::size_t i = 0; i < instance.jobs.size(); ++i)
      speed_factor_.push_back(speed_factor(options.belief_error, options.seed, JobId(i)));
  }
  play();
}

void Run::play() {
  while (true) {
    while (!completions_.empty() &&
           completions_.top().version != version_[completions_.top().job.index()])
      completions_.pop();
    const Seconds completion = completions_.empty() ? kForever : completions_.top().time;
    const Seconds machine = next_machine_event_ < machine_events_.size()
                                ? machine_events_[next_machine_event_].time
                                : kForever;
    const Seconds arrival =
        next_arrival_ < arrivals_.size() ? state_.spec(arrivals_[next_arrival_]).arrival : kForever;
    const bool all_over = over_ == result_.jobs.size();
    const Seconds almost_done =
        completions_.empty() ? kForever : completion - completions_.top().slack;
    Seconds now = std::min({completion, arrival, machine, wake_at_});
    if (almost_done <= instance_.horizon) now = std::min(now, instance_.horizon);
    if (all_over || now == kForever || now > instance_.horizon) break;
    advance(now);
    if (almost_done <= now) {
      const JobId id = completions_.top().job;
      completions_.pop();
      complete(id);
    } else if (machine == now) {
      change_machine(machine_events_[next_machine_event_++]);
    } else if (arrival == now) {
      arrive(arrivals_[next_arrival_++]);
    } else {
      wake(std::min({completion, arrival, machine}) == kForever);
      if (idle_wakes_ > kMaxIdleWakes) break;
    }
    if (error_) break;
    ++result_.events;
    if (options_.record_usage) record_usage();
    if (options_.progress && result_.events % kProgressEvery == 0 &&
        !options_.progress(static_cast<double>(over_) / static_cast<double>(result_.jobs.size()))) {
      result_.stopped = true;
      break;
    }
  }
}

void Run::advance(Seconds to) {
  const double passed = (to - clock_).value;
  job_seconds_ += passed * static_cast<double>(state_.active().size());
  result_.used_seconds += passed * used_;
  result_.capacity_seconds += passed * capacity_up_;
  clock_ = to;
  state_.set_now(to);
}

void Run::record_usage() {
  const auto waiting = static_cast<std::uint32_t>(state_.waiting_count());
  const UsagePoint point{clock_, used_, waiting,
                         static_cast<std::uint32_t>(state_.active().size()) - waiting};
  if (!result_.usage.empty() && result_.usage.back().time == clock_)
    result_.usage.back() = point;
  else
    result_.usage.push_back(point);
}

double Run::units_held(JobId id) const {
  const JobSpec& job = state_.spec(id);
  const TaskCounts tasks = tasks_of(state_.job(id).allocation);
  const Amount held = tasks.workers * job.worker[primary_] + tasks.servers * job.server[primary_];
  return static_cast<double>(held) / kAmountsPerUnit;
}

/// Books what the job held since the last time; call before its allocation changes.
void Run::settle_usage(JobId id) {
  const double units = units_held(id);
  result_.jobs[id.index()].resource_seconds += units * (clock_ - usage_since_[id.index()]).value;
  usage_since_[id.index()] = clock_;
  used_ -= units;
}

void Run::arrive(JobId id) {
  state_.arrive(id);
  usage_since_[id.index()] = clock_;
  job_seconds_at_arrival_[id.index()] = job_seconds_;
  ask({.kind = EventKind::arrival, .job = id});
}

void Run::complete(JobId id) {
  settle_usage(id);
  state_.leave(id, JobStatus::finished);
  ++over_;
  JobRecord& record = result_.jobs[id.index()];
  const JobSpec& job = state_.spec(id);
  record.finish = clock_;
  record.utility = utility_at(job.utility, utility_delay(job.arrival, clock_, instance_.slot));
  const double present = (clock_ - job.arrival).value;
  const double others =
      present > 0 ? (job_seconds_ - job_seconds_at_arrival_[id.index()]) / present : 1;
  const double share = capacity_ <= 0
                           ? 0
                           : job.requested_workers * static_cast<double>(job.worker[primary_]) /
                                 kAmountsPerUnit / capacity_;
  const double fair = requested_duration(job).value * std::max(1.0, share * others);
  record.fairness = fair > 0 ? present / fair : 0;
  result_.makespan = clock_;
  used_at_makespan_ = result_.used_seconds;
  capacity_at_makespan_ = result_.capacity_seconds;
  ask({.kind = EventKind::finish, .job = id});
}

void Run::lose_allocation(JobId id) {
  settle_usage(id);
  const JobState& job = state_.job(id);
  const double before = job.samples_done;
  const double rate = job.rate;
  const Seconds ran = std::max(Seconds(0), clock_ - job.progress_from);
  ++version_[id.index()];
  state_.allocate(id, {}, 0, Seconds(0));
  if (options_.checkpoint_every > Seconds(0)) {
    const double saved = std::floor(ran / options_.checkpoint_every);
    state_.roll_back(id, before + saved * options_.checkpoint_every.value * rate);
  }
}

void Run::change_machine(const MachineEvent& event) {
  if (!event.up) {
    const std::vector<JobId> active = state_.active();
    for (const JobId id : active)
      if (std::ranges::find(state_.job(id).allocation, event.machine, &TaskGroup::machine) !=
          state_.job(id).allocation.end())
        lose_allocation(id);
  }
  state_.set_up(event.machine, event.up);
  const double units =
      static_cast<double>(instance_.cluster.capacity(event.machine)[primary_]) / kAmountsPerUnit;
  capacity_up_ += event.up ? units : -units;
  ask({.kind = event.up ? EventKind::machine_up : EventKind::machine_down,
       .machine = event.machine});
}

void Run::ask(const Event& event) {
  const double before = options_.stopwatch != nullptr ? options_.stopwatch() : 0;
  Decision decision = decision_on(event);
  if (options_.stopwatch != nullptr)
    result_.decision_seconds.push_back(static_cast<float>(options_.stopwatch() - before));
  ++result_.decisions;
  if (error_) return;
  if (options_.explain) record_explanation(decision);
  if (options_.record_prices) record_prices();
  apply(decision);
  if (options_.observer != nullptr) options_.observer->after(state_, event, decision);
}

Decision Run::decision_on(const Event& event) {
  if (policy_ != nullptr) return policy_->decide(state_, event);
  Result<Decision> decision = foreign_decision(event);
  if (decision) return *std::move(decision);
  end_with(event, decision.error());
  return {};
}

/// A foreign policy cannot go on.
void Run::end_with(const Event& event, const Error& error) {
  error_ = {error.code,
            fmt::format("at {}, when {}: {}", to_text(clock_), event_text(event), error.message)};
}

/// As the policy wished. `is_alone`: nothing else will happen.
void Run::wake(bool is_alone) {
  wake_at_ = kForever;
  idle_wakes_ = is_alone ? idle_wakes_ + 1 : 0;
  wakes_at_once_ = woken_at_ == clock_ ? wakes_at_once_ + 1 : 1;
  woken_at_ = clock_;
  const Event event{.kind = EventKind::wake};
  if (wakes_at_once_ <= kMaxWakesAtOnce) return ask(event);
  BOURSE_CHECK(foreign_ != nullptr);
  end_with(event, {ErrorCode::invalid_argument,
                   fmt::format("it wants to be woken at once for the {}th time, so time cannot "
                               "move on",
                               wakes_at_once_)});
}

Result<Decision> Run::foreign_decision(const Event& event) {
  BOURSE_TRY(Decision decision, foreign_->decide(state_, event));
  BOURSE_TRY_VOID(check_decision(state_, decision));
  return decision;
}

std::string Run::event_text(const Event& event) const {
  const auto job = [&] {
    return fmt::format("job {} '{}'", event.job.value, quotable(state_.spec(event.job).name));
  };
  const auto machine = [&] {
    return fmt::format("machine {} '{}'", event.machine.value,
                       instance_.cluster.machine_name(event.machine));
  };
  switch (event.kind) {
    case EventKind::arrival:
      return job() + " arrived";
    case EventKind::finish:
      return job() + " finished";
    case EventKind::cancel:
      return job() + " was cancelled";
    case EventKind::machine_down:
      return machine() + " went down";
    case EventKind::machine_up:
      return machine() + " came back";
    case EventKind::wake:
      break;
  }
  return "the policy was woken";
}

void Run::record_explanation(const Decision& decision) {
  const auto reason = std::ranges::find(decision.reasons, *options_.explain, &Reason::job);
  if (reason == decision.reasons.end()) return;
  result_.explained.push_back(
      {clock_, *reason,
       policy_ != nullptr ? policy_->explain(state_, *options_.explain) : std::nullopt});
}

void Run::record_prices() {
  if (policy_ == nullptr) return;
  std::vector<double> prices = policy_->prices_now();
  if (prices.empty()) return;
  if (!result_.prices.empty() && result_.prices.back().time == clock_)
    result_.prices.back().prices = std::move(prices);
  else
    result_.prices.push_back({clock_, std::move(prices)});
}

void Run::apply(Decision& decision) {
  if (!decision.changes.empty() || !decision.declined.empty()) idle_wakes_ = 0;
  // Releases come first, so that a swap never over-allocates on the way.
  for (const Change& change : decision.changes) {
    if (state_.job(change.job).allocation.empty() ||
        state_.job(change.job).allocation == change.allocation)
      continue;
    settle_usage(change.job);
    ++version_[change.job.index()];
    state_.allocate(change.job, {}, 0, Seconds(0));
  }
  for (Change& change : decision.changes) {
    const JobState& job = state_.job(change.job);
    if (change.allocation.empty()) continue;
    if (change.allocation != job.allocation) {
      change_allocation(change);
    } else if (change.batch != job.batch) {
      state_.set_pace(change.job, pace_of_change(change));
      expect_completion(change.job);
    }
  }
  for (const JobId id : decision.declined) {
    BOURSE_CHECK(state_.job(id).status == JobStatus::waiting);
    settle_usage(id);
    state_.leave(id, JobStatus::declined);
    ++over_;
  }
  BOURSE_CHECK(decision.wake_at >= clock_);
  wake_at_ = decision.wake_at;
  if (!options_.record_reasons) return;
  for (const Reason& reason : decision.reasons) result_.reasons.push_back({clock_, reason});
  result_.plans.insert(result_.plans.end(), decision.plan.begin(), decision.plan.end());
}

Pace Run::pace_of_change(const Change& change) const {
  const JobSpec& job = state_.spec(change.job);
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&job.throughput);
  BOURSE_CHECK(change.batch == 0 || (adaptive != nullptr && change.batch >= adaptive->base_batch &&
                                     change.batch <= largest_batch(*adaptive)));
  TrainingPace pace = pace_of(job.throughput, tasks_of(change.allocation),
                              locality_of(change.allocation, instance_.cluster),
                              slowest_speed(change.allocation, instance_.cluster), change.batch);
  if (!speed_factor_.empty()) {
    pace.progress *= speed_factor_[change.job.index()];
    pace.trained *= speed_factor_[change.job.index()];
  }
  return {pace, change.batch};
}

void Run::expect_completion(JobId id) {
  ++version_[id.index()];
  const JobState& job = state_.job(id);
  if (job.rate <= 0) return;
  const double samples = state_.spec(id).samples;
  const double left = std::max(0.0, samples - job.samples_done);
  completions_.push({job.progress_from + Seconds(left / job.rate),
                     Seconds(samples * kDoneTolerance / job.rate), id, version_[id.index()]});
}

void Run::change_allocation(Change& change) {
  const JobId id = change.job;
  const Pace pace = pace_of_change(change);
  const bool has_run = state_.job(id).attained > Seconds(0);
  const Seconds startup = has_run ? state_.spec(id).restart_cost : Seconds(0);
  settle_usage(id);
  state_.allocate(id, std::move(change.allocation), pace, startup);
  used_ += units_held(id);
  JobRecord& record = result_.jobs[id.index()];
  record.first_start = std::min(record.first_start, clock_);
  expect_completion(id);
}

SimulationResult Run::result() && {
  const bool was_cut = over_ < result_.jobs.size() && !result_.stopped;
  if (was_cut && instance_.horizon < kForever) advance(std::max(clock_, instance_.horizon));
  for (std::size_t i = 0; i < result_.jobs.size(); ++i) {
    const JobId id(i);
    const JobState& job = state_.job(id);
    JobRecord& record = result_.jobs[i];
    if (job.status == JobStatus::running) settle_usage(id);
    record.status = job.status;
    record.restarts = job.restarts;
    record.samples_trained = state_.samples_trained(id);
    record.executed = job.attained;
    if (job.status == JobStatus::running) record.executed += clock_ - job.since;
  }
  result_.ended = clock_;
  result_.used_seconds = used_at_makespan_;
  result_.capacity_seconds = capacity_at_makespan_;
  return std::move(result_);
}

}  // namespace

double speed_factor(double belief_error, std::uint64_t seed, JobId job) {
  if (belief_error <= 0) return 1;
  return RandomStream(seed, Purpose::belief, job.index())
      .uniform(1 - belief_error, 1 + belief_error);
}

std::size_t primary_resource(const Cluster& cluster) {
  return cluster.types.find("gpu").value_or(0);
}

SimulationResult simulate(const Instance& instance, Policy& policy,
                          const SimulationOptions& options) {
  return Run(instance, &policy, nullptr, options).result();
}

Result<SimulationResult> simulate(const Instance& instance, ForeignPolicy& policy,
                                  const SimulationOptions& options) {
  Run run(instance, nullptr, &policy, options);
  if (run.error()) return tl::unexpected<Error>(*run.error());
  return std::move(run).result();
}

}  // namespace bourse
