#include "bourse/service/service.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/units.h"
#include "bourse/policy/check_decision.h"
#include "bourse/policy/rates.h"
#include "bourse/service/plan_json.h"
#include "bourse/service/reason.h"

namespace bourse {
namespace {

/// Progress is written down at least so often.
constexpr Seconds kSaveEvery{1};
/// A job that has used up its declared work is taken to have this share of it left.
constexpr double kWorkAtLeastLeft = 0.005;
/// A policy that asks to be woken at once so often in a row is asked again later.
constexpr int kMostWakesInARow = 1000;
constexpr Seconds kRestFromWakes{1};
constexpr Seconds kTimerTolerance{1e-6};
/// While jobs come faster than they are decided, between looks at those that wait for it.
constexpr Seconds kRestFromDeciding{0.05};

void count(DurationFigure& figure, Seconds duration) {
  ++figure.count;
  figure.sum += duration;
  figure.max = std::max(figure.max, duration);
}

}  // namespace

Service::Service(World world, Engine& engine, ServiceOptions options, std::unique_ptr<Store> store,
                 std::unique_ptr<Policy> policy)
    : world_(world),
      engine_(engine),
      options_(std::move(options)),
      store_(std::move(store)),
      policy_(std::move(policy)),
      state_(engine.cluster(), {}),
      start_clock_(world.clock.now()) {
  // A clock that was set back must not make the policy's time go back: what is planned for an
  // instant would wait until it comes again.
  start_policy_ = std::max(world_.clock.unix_time(), store_->last_known()) - store_->beginning();
  for (std::size_t i = 0; i < cluster().machines.size(); ++i) {
    const std::span<const Amount> capacity = cluster().capacity(MachineId(i));
    machines_.push_back({.free = {capacity.begin(), capacity.end()}, .reason = {}});
  }
}

Service::~Service() {
  for (const TimerId timer :
       {wake_timer_, inbox_timer_, save_timer_, retry_timer_, stuck_timer_, decide_timer_})
    world_.clock.cancel(timer);
}

Result<std::unique_ptr<Service>> Service::open(World world, Engine& engine,
                                               ServiceOptions options) {
  BOURSE_TRY(auto store,
             Store::open(options.directory, world.files.sqlite_vfs(), world.clock.unix_time()));
  BOURSE_TRY(auto policy, options.make_policy());
  std::unique_ptr<Service> service(
      new Service(world, engine, std::move(options), std::move(store), std::move(policy)));
  service->policy_->set_purse([heart = service.get()](JobId id, double price) {
    return heart->pay(heart->live(id), price);
  });
  engine.listen(*service);
  BOURSE_TRY_VOID(service->recover());
  return service;
}

Seconds Service::policy_now() const { return start_policy_ + (world_.clock.now() - start_clock_); }

Result<void> Service::turn(const std::function<void()>& work) {
  if (!status_) return status_;
  // Timers may come within rounding error of the instant asked for.
  const Seconds now = std::max(policy_now(), state_.now());
  state_.set_now(wake_at_ - now < kTimerTolerance ? std::max(now, wake_at_) : now);
  if (!std::exchange(is_open_, true)) {
    store_->begin();
    decide_until_ = world_.clock.now() + options_.decide_within;
  }
  work();
  wake_while_due();
  reconcile();
  for (const JobNumber number : std::exchange(dirty_, {})) {
    LiveJob& job = jobs_.at(number);
    job.is_dirty = false;
    store_->update_job(job.record);
  }
  forget_ended();
  return is_together_ ? Result<void>() : commit();
}

Result<void> Service::together(const std::function<void()>& work) {
  is_together_ = true;
  work();
  is_together_ = false;
  return is_open_ ? commit() : Result<void>();
}

Result<void> Service::commit() {
  is_open_ = false;
  const Seconds before = world_.clock.now();
  Result<void> committed = store_->commit();
  count(counters_.commits, world_.clock.now() - before);
  if (!committed) {
    fail_for_good(committed.error());
    return committed;
  }
  arm_wake();
  decide_later();
  for (const std::function<void()>& act : std::exchange(acts_, {})) act();
  if (on_change_ && std::exchange(told_change_, store_->last_change()) != store_->last_change())
    on_change_();
  return {};
}

void Service::touch(LiveJob& job) {
  if (!std::exchange(job.is_dirty, true)) dirty_.push_back(job.record.number);
}

void Service::fail_for_good(const Error& error) {
  status_ = tl::unexpected<Error>(error);
  acts_.clear();
  world_.clock.call_in(Seconds(0), [this, error] {
    if (options_.on_fatal) options_.on_fatal(error);
  });
}

void Service::ask(const Event& event) {
  leave_some_work();
  const Seconds before = world_.clock.now();
  Decision decision = policy_->decide(state_, event);
  count(counters_.decisions, world_.clock.now() - before);
  apply(std::move(decision));
}

void Service::decide_next() {
  const JobNumber number = undecided_.front();
  undecided_.pop_front();
  const auto at = jobs_.find(number);
  if (at == jobs_.end() || at->second.has_left) return;
  show_arrival(at->second);
  ask({.kind = EventKind::arrival, .job = at->second.id});
}

void Service::decide_later() {
  if (undecided_.empty() || decide_timer_ != 0) return;
  const Seconds pause = std::exchange(has_accepted_, false) ? kRestFromDeciding : Seconds(0);
  decide_timer_ = world_.clock.call_in(pause, [this] {
    decide_timer_ = 0;
    (void)turn([this] {
      do {
        if (!undecided_.empty()) decide_next();
      } while (!undecided_.empty() && world_.clock.now() < decide_until_);
    });
  });
}

void Service::apply(Decision decision) {
  if (is_recovering_) leave_what_runs(decision);
  // Releases come first, so that a swap never over-allocates on the way.
  for (const Change& change : decision.changes)
    if (!state_.job(change.job).allocation.empty() &&
        state_.job(change.job).allocation != change.allocation) {
      unsettle(live(change.job));
      state_.allocate(change.job, {}, 0, Seconds(0));
    }
  for (const Change& change : decision.changes) {
    const JobState& known = state_.job(change.job);
    if (change.allocation.empty()) continue;
    const bool is_same_size = change.allocation == known.allocation;
    if (is_same_size && change.batch == known.batch) continue;
    const JobSpec& spec = state_.spec(change.job);
    const Pace pace(pace_of(spec, change.allocation, cluster(), change.batch), change.batch);
    const LiveJob& job = live(change.job);
    if (is_same_size) {
      unsettle(job);
      state_.set_pace(change.job, pace);
      continue;
    }
    // What runs already does not start again.
    const bool runs =
        job.running == change.allocation || can_resize_in_place(job, change.allocation);
    unsettle(job);
    state_.allocate(change.job, change.allocation, pace, runs ? Seconds(0) : spec.restart_cost);
  }
  for (const Reason& reason : decision.reasons) keep_reason(live(reason.job), reason);
  keep_plan(decision.plan);
  for (const JobId id : decision.declined) {
    LiveJob& job = live(id);
    job.has_left = true;
    state_.leave(id, JobStatus::declined);
    if (job.cells.empty()) end_job(job, JobPhase::declined, std::string(job.record.reason));
  }
  wake_at_ = decision.wake_at;
}

void Service::keep_reason(LiveJob& job, const Reason& reason) {
  const auto& n = reason.numbers;
  const std::string before = job.record.reason;
  const auto promise = [&](Seconds completion) { job.record.promised = unix_time_of(completion); };
  job.record.reason = reason_told_at(reason, state_.now());
  if (reason.code == ReasonCode::admitted) {
    promise(Seconds(n[3]));
    if (job.charge && job.charge->promised == Seconds(0)) {
      job.charge->promised = *job.record.promised;
      store_->put_charge(*job.charge);
    }
    job.record.was_admitted = true;
    job.record.utility = n[0];
  } else if (reason.code == ReasonCode::replanned) {
    promise(Seconds(n[1]));
  }
  // What is said at every look is told once; what ends a job is told with its end.
  using enum ReasonCode;
  const bool ends =
      reason.code == priced_out || reason.code == no_schedule || reason.code == worthless;
  touch(job);
  if (job.record.reason != before && !ends) note(job, job.record.reason);
}

void Service::keep_plan(std::span<const PlannedSlot> plan) {
  for (std::size_t at = 0; at < plan.size();) {
    LiveJob& job = live(plan[at].job);
    std::size_t end = at;
    while (end < plan.size() && plan[end].job == plan[at].job) ++end;
    // A new plan replaces the old one from its first instant on.
    const Seconds from = plan[at].from;
    std::erase_if(job.plan, [&](const PlannedSlot& slot) {
      return slot.from >= from || slot.to <= state_.now();
    });
    for (PlannedSlot& slot : job.plan) slot.to = std::min(slot.to, from);
    job.plan.insert(job.plan.end(), plan.begin() + static_cast<std::ptrdiff_t>(at),
                    plan.begin() + static_cast<std::ptrdiff_t>(end));
    job.record.plan = plan_json(job.plan);
    touch(job);
    at = end;
  }
}

void Service::wake_while_due() {
  for (int wakes = 0; wake_at_ <= state_.now(); ++wakes) {
    if (wakes == kMostWakesInARow) {
      wake_at_ = state_.now() + kRestFromWakes;
      return;
    }
    wake_at_ = kForever;
    ask({.kind = EventKind::wake});
  }
}

void Service::arm_wake() {
  world_.clock.cancel(std::exchange(wake_timer_, 0));
  if (wake_at_ == kForever) return;
  wake_timer_ = world_.clock.call_in(std::max(Seconds(0), wake_at_ - policy_now()), [this] {
    wake_timer_ = 0;
    (void)turn([] {});
  });
}

void Service::leave_some_work() {
  for (const JobId id : state_.running()) {
    const double most = state_.spec(id).samples * (1 - kWorkAtLeastLeft);
    if (state_.samples_done(id) > most)
      state_.observe(id, most, state_.job(id).rate,
                     std::max(Seconds(0), state_.job(id).progress_from - state_.now()));
  }
}

double Service::shown_samples(const LiveJob& job) const {
  return std::min(job.record.samples_done, state_.spec(job.id).samples * (1 - kWorkAtLeastLeft));
}

Service::LiveJob& Service::add_live(LiveJob job, JobSpec spec) {
  job.id = JobId(specs_.size());
  spec.throughput = job.speeds.correct(job.declared);
  specs_.push_back(std::move(spec));
  number_of_.push_back(job.record.number);
  state_.set_jobs(specs_);
  const JobNumber number = job.record.number;
  return jobs_.emplace(number, std::move(job)).first->second;
}

void Service::show_arrival(const LiveJob& job) {
  state_.arrive(job.id);
  if (job.record.samples_done > 0) state_.observe(job.id, shown_samples(job), 0, Seconds(0));
}

Result<JobView> Service::submit(const Submission& submission) {
  BOURSE_TRY(JobFile file, parse_job_file(submission.text, submission.file));
  state_.set_now(policy_now());
  BOURSE_TRY(JobSpec spec, bind_job(file, cluster(), state_.now()));
  BOURSE_TRY_VOID(check_member(file.group.empty() ? submission.user : file.group, submission));
  LiveJob job;
  job.record = {.name = file.name,
                .group = file.group.empty() ? submission.user : file.group,
                .owner = submission.user,
                .text = submission.text,
                .directory = submission.directory,
                .environment = submission.environment,
                .submitted = unix_now(),
                .samples = spec.samples,
                .reason = {},
                .plan = {},
                .speeds = {}};
  job.declared = spec.throughput;
  job.file = std::move(file);
  JobNumber number = 0;
  BOURSE_TRY_VOID(turn([&] {
    store_->add_job(job.record);
    number = job.record.number;
    spec.name = fmt::format("{}-{}", job.record.name, number);
    LiveJob& added = add_live(std::move(job), std::move(spec));
    note(added, "submitted");
    has_accepted_ = true;
    undecided_.push_back(number);
    if (undecided_.size() == 1 && world_.clock.now() < decide_until_) decide_next();
  }));
  if (const auto at = jobs_.find(number); at != jobs_.end()) return view_of(at->second);
  return view_of(*store_->job(number));
}

Result<void> Service::cancel(JobNumber number) {
  const auto at = jobs_.find(number);
  if (at == jobs_.end()) {
    const std::optional<StoredJob> record = store_->job(number);
    if (!record) return fail(ErrorCode::not_found, fmt::format("there is no job {}", number));
    return fail(ErrorCode::failed_precondition,
                fmt::format("job {} has ended: it is {}", number, name_of(record->phase)));
  }
  LiveJob& job = at->second;
  if (job.record.is_cancelled) return {};
  return turn([&] {
    job.record.is_cancelled = true;
    if (job.cells.empty()) {
      end_job(job, JobPhase::cancelled, "cancelled");
    } else {
      job.record.reason = "being cancelled";
      note(job, job.record.reason);
      job.failure = "cancelled";
      stop_cells(job, false);
    }
  });
}

void Service::set_phase(LiveJob& job, JobPhase phase, const std::string& why) {
  if (job.record.phase == phase) return;
  BOURSE_CHECK(may_follow(job.record.phase, phase));
  job.record.phase = phase;
  note(job, why);
}

void Service::note(LiveJob& job, const std::string& what) {
  touch(job);
  store_->add_change(unix_now(), "job", job.record.number, job.record.phase, job.record.epoch,
                     what);
}

void Service::end_job(LiveJob& job, JobPhase phase, const std::string& why) {
  BOURSE_CHECK(job.cells.empty() && is_end(phase));
  job.record.utility = 0;
  if (phase == JobPhase::finished) {
    job.record.samples_done = job.record.samples;
    job.record.samples_saved = job.record.samples;
    const JobSpec& spec = state_.spec(job.id);
    job.record.utility = utility_at(spec.utility, state_.now() - spec.arrival);
    counters_.utility += job.record.utility;
  }
  job.record.ended = unix_now();
  if (job.charge)
    refund(job, refund_at_end(*job.charge, phase, *job.record.ended),
           phase == JobPhase::declined
               ? "it was given up"
               : fmt::format("it was done {} later than was promised for its price",
                             human(*job.record.ended - job.charge->promised)));
  job.record.reason = why;
  job.record.plan.clear();
  set_phase(job, phase, why);
  ended_.push_back(job.record.number);
  leave(job, phase);
}

void Service::leave(LiveJob& job, JobPhase phase) {
  if (std::exchange(job.has_left, true)) return;
  if (state_.job(job.id).status == JobStatus::pending) return;  // The policy has not seen it.
  const bool is_running = state_.job(job.id).status == JobStatus::running;
  if (phase == JobPhase::finished && is_running) {
    state_.leave(job.id, JobStatus::finished);
    return ask({.kind = EventKind::finish, .job = job.id});
  }
  if (is_running) state_.allocate(job.id, {}, 0, Seconds(0));
  state_.leave(job.id, JobStatus::declined);
  ask({.kind = EventKind::cancel, .job = job.id});
}

void Service::forget_ended() {
  for (const JobNumber number : std::exchange(ended_, {})) jobs_.erase(number);
}

void Service::save_soon() {
  if (save_timer_ != 0) return;
  save_timer_ = world_.clock.call_in(kSaveEvery, [this] {
    save_timer_ = 0;
    (void)turn([] {});
  });
}

}  // namespace bourse
