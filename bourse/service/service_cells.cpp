#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/units.h"
#include "bourse/engine/agent_seal.h"
#include "bourse/policy/rates.h"
#include "bourse/service/incarnation.h"
#include "bourse/service/members.h"
#include "bourse/service/service.h"

namespace bourse {
namespace {

/// Where a port for rendezvous is looked for if none can be had from the system.
constexpr std::uint16_t kSomePort = 29500;

std::string many(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

}  // namespace

std::string Service::text_of_tasks(const Allocation& allocation) {
  const TaskCounts tasks = tasks_of(allocation);
  std::string text = many(static_cast<std::size_t>(tasks.workers), "worker");
  if (tasks.servers > 0) text += " and " + many(static_cast<std::size_t>(tasks.servers), "server");
  return text + " on " + many(allocation.size(), "machine");
}

void Service::on_cell(const CellEvent& event) {
  inbox_.push_back(event);
  if (inbox_timer_ != 0) return;
  inbox_timer_ = world_.clock.call_in(Seconds(0), [this] {
    inbox_timer_ = 0;
    (void)turn([this] { take_events(); });
  });
}

void Service::take_events() {
  for (const CellEvent& event : std::exchange(inbox_, {})) take_event(event);
}

void Service::take_event(const CellEvent& event) {
  if (event.number != 0)
    acts_.emplace_back(
        [this, cell = event.cell, number = event.number] { engine_.acknowledge(cell, number); });
  const auto at = jobs_.find(event.cell.job);
  if (at == jobs_.end()) return;
  LiveJob& job = at->second;
  const auto cell = std::ranges::find(job.cells, event.cell,
                                      [](const LiveCell& one) { return id_of(one.record); });
  if (cell == job.cells.end()) return;
  switch (event.kind) {
    case CellEventKind::started:
      take_started(job, *cell);
      break;
    case CellEventKind::progress:
      take_progress(job, event);
      break;
    case CellEventKind::task_ended:
      if (!event.message.empty()) {
        note(job, event.message);
      } else if (!event.status.is_success()) {
        note(job, fmt::format("{}: {}", event.task, text_of(event.status)));
      }
      break;
    case CellEventKind::ended:
      take_end(job, event);
      break;
  }
}

void Service::take_started(LiveJob& job, LiveCell& cell) {
  cell.record.has_started = true;
  store_->put_cell(cell.record);
  runs_if_all_started(job);
}

void Service::runs_if_all_started(LiveJob& job) {
  if (job.record.phase != JobPhase::starting) return;
  if (!std::ranges::all_of(job.cells, [](const LiveCell& cell) {
        return cell.record.has_started || cell.is_removed;
      }))
    return;
  if (!job.record.started) job.record.started = unix_now();
  set_phase(job, JobPhase::running, "runs: " + text_of_tasks(job.running));
}

void Service::take_progress(LiveJob& job, const CellEvent& event) {
  const ProgressReport& report = event.progress;
  const JobSpec& spec = state_.spec(job.id);
  if (report.loss) job.record.loss = report.loss;
  const bool is_gang = is_rigid(spec.throughput);
  const SampleTime each{.compute = Seconds(report.compute_per_sample.value_or(0)),
                        .exchange = Seconds(report.exchange_per_sample.value_or(0))};
  if (report.samples && !is_gang) {
    const double samples = std::clamp(*report.samples, 0.0, spec.samples);
    // Workers that are still on their way say nothing of the speed of all.
    const bool is_whole =
        report.workers.value_or(tasks_of(job.running).workers) == tasks_of(job.running).workers;
    if (job.reported && samples > job.reported->samples) {
      const auto passed = time_between(*job.reported, event);
      if (passed && is_whole && job.reported->is_whole)
        take_speed(job, samples - job.reported->samples, *passed, each);
      job.made_progress = true;
    }
    job.reported = {
        .at = event.unix_time, .heard = policy_now(), .samples = samples, .is_whole = is_whole};
    job.record.samples_done = samples;
    if (report.checkpointed.value_or(false)) job.record.samples_saved = samples;
  } else if (report.samples_per_second && !is_gang) {
    take_speed(job, *report.samples_per_second, Seconds(1), each);
  }
  if (!is_gang) {
    job.record.speeds = job.speeds.text();
    specs_[job.id.index()].throughput = job.speeds.correct(job.declared);
    if (report.samples) show_progress(job, Seconds(0));
  }
  touch(job);
}

void Service::take_speed(LiveJob& job, double samples, Seconds time, const SampleTime& each) {
  const TaskCounts tasks = tasks_of(job.running);
  const Locality locality = locality_of(job.running, cluster());
  // The throughput of a job takes more workers to be no slower than fewer; what was seen may be.
  const double as_requested = speed_as_requested(job);
  const double learned = job.speeds.speed_of(tasks, locality) / as_requested;
  const double predicted = learned > 0 ? learned
                                       : pace_of(state_.spec(job.id), job.running, cluster(),
                                                 static_cast<int>(job.record.batch))
                                             .progress;
  job.speeds.compare(tasks, predicted, samples, time, options_.slot);
  job.speeds.observe(
      tasks, locality, samples * as_requested, time,
      {.compute = each.compute / as_requested, .exchange = each.exchange / as_requested},
      options_.slot);
}

double Service::speed_as_requested(const LiveJob& job) const {
  if (job.record.batch == 0 || job.running.empty()) return 1;
  const TaskCounts tasks = tasks_of(job.running);
  const Locality locality = locality_of(job.running, cluster());
  const auto batch = static_cast<int>(job.record.batch);
  return pace_of(job.declared, tasks, locality).progress /
         pace_of(job.declared, tasks, locality, 1, batch).progress;
}

bool Service::has_other_batch(const LiveJob& job) const {
  return std::cmp_not_equal(state_.job(job.id).batch, job.record.batch);
}

std::string Service::text_of_batch(int batch) {
  return batch == 0 ? " and the batch that it asks for" : fmt::format(" and a batch of {}", batch);
}

std::optional<Seconds> Service::time_between(const LiveJob::Report& last,
                                             const CellEvent& event) const {
  // An agent holds reports back while it cannot reach us, but for no longer than a lease.
  const Seconds passed = event.unix_time - last.at;
  const Seconds heard = policy_now() - last.heard;
  const bool has_jumped = passed > heard + options_.lease || passed < heard - options_.lease;
  if (has_jumped || passed <= Seconds(0)) return std::nullopt;
  return passed;
}

void Service::take_end(LiveJob& job, const CellEvent& event) {
  const auto at = std::ranges::find(job.cells, event.cell,
                                    [](const LiveCell& one) { return id_of(one.record); });
  const StoredCell record = at->record;
  const bool was_removed = at->is_removed;
  hold(job, {MachineId(record.machine), record.workers, record.servers}, -1);
  store_->remove_cell(record);
  job.cells.erase(at);
  if (event.end == CellEnd::completed && !event.message.empty()) note(job, event.message);
  if (!was_removed) {
    job.has_completed &= event.end == CellEnd::completed;
    job.is_finishing |= event.end == CellEnd::completed;
  }
  const bool was_asked =
      job.record.phase == JobPhase::pausing || !job.failure.empty() || was_removed;
  if (!was_asked && event.end != CellEnd::completed) {
    job.failure = event.message.empty()
                      ? (event.end == CellEnd::lost ? "a cell was lost" : "a task failed")
                      : event.message;
    job.is_lost = event.end == CellEnd::lost;
    if (job.is_lost) {
      ++counters_.cells_lost;
      note_hit(job);
    }
    stop_cells(job, false);
  }
  // What was to end in peace may be lost on the way.
  if (was_asked && !was_removed && job.failure.empty()) job.is_lost |= event.end == CellEnd::lost;
  touch(job);
  unsettle(job);
  if (job.cells.empty()) incarnation_is_over(job);
}

void Service::incarnation_is_over(LiveJob& job) {
  job.running.clear();
  job.reported.reset();
  job.is_finishing = false;
  const bool has_completed = std::exchange(job.has_completed, true);
  const std::string failure = std::exchange(job.failure, {});
  if (job.record.is_cancelled) return end_job(job, JobPhase::cancelled, "cancelled");
  if (job.has_left) return end_job(job, JobPhase::declined, std::string(job.record.reason));
  if (!failure.empty()) {
    if (job.charge && job.is_lost)
      refund(job,
             refund_for_loss(*job.charge, job.record.samples_done - job.record.samples_saved,
                             job.record.samples),
             "a machine took work with it");
    // What was not saved is lost.
    job.record.samples_done = std::min(job.record.samples_done, job.record.samples_saved);
    show_progress(job, state_.spec(job.id).restart_cost);
    ++counters_.failures;
    job.record.reason = failure;
    if (std::exchange(job.made_progress, false)) job.record.failures = 0;
    if (!std::exchange(job.is_lost, false)) ++job.record.failures;
    if (job.record.failures > static_cast<std::uint32_t>(job.file.retries))
      return end_job(
          job, JobPhase::failed,
          fmt::format("failed {} in a row: {}", many(job.record.failures, "time"), failure));
    ++job.record.restarts;
    return retry_later(job);
  }
  if (job.record.phase == JobPhase::pausing && !has_completed) {
    // It was told to end, so it has saved what it did.
    if (std::exchange(job.is_lost, false)) {
      job.record.samples_done = std::min(job.record.samples_done, job.record.samples_saved);
      show_progress(job, state_.spec(job.id).restart_cost);
    }
    job.record.samples_saved = job.record.samples_done;
    return set_phase(job, JobPhase::waiting, "its tasks have ended");
  }
  end_job(job, JobPhase::finished, "finished");
}

void Service::retry_later(LiveJob& job) {
  const double doublings = std::max(0.0, job.record.failures - 1.0);
  const Seconds delay =
      std::min(options_.longest_retry, options_.first_retry * std::exp2(std::min(30.0, doublings)));
  job.record.retry_at = unix_now() + delay;
  set_phase(job, JobPhase::backing_off,
            fmt::format("{}; tried again in {}", job.record.reason, human(delay)));
}

bool Service::has_room(const LiveJob& job, const Allocation& allocation) const {
  const JobSpec& spec = state_.spec(job.id);
  return std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    const MachineState& machine = machines_[group.machine.index()];
    if (!machine.is_usable()) return false;
    for (std::size_t r = 0; r < machine.free.size(); ++r)
      if (group.workers * spec.worker[r] + group.servers * spec.server[r] > machine.free[r])
        return false;
    return true;
  });
}

void Service::hold(const LiveJob& job, const TaskGroup& group, int sign) {
  const JobSpec& spec = state_.spec(job.id);
  std::vector<Amount>& free = machines_[group.machine.index()].free;
  for (std::size_t r = 0; r < free.size(); ++r) {
    free[r] -= sign * (group.workers * spec.worker[r] + group.servers * spec.server[r]);
    BOURSE_CHECK(free[r] >= 0);
  }
}

void Service::reconcile() {
  Seconds next_retry = kForever;
  // Those who came first start first.
  for (auto at = unsettled_.begin(); at != unsettled_.end();) {
    const auto found = jobs_.find(*at);
    bool stays = false;
    if (found != jobs_.end() && !is_end(found->second.record.phase)) {
      LiveJob& job = found->second;
      if (job.record.phase == JobPhase::backing_off && job.record.retry_at) {
        if (*job.record.retry_at <= unix_now()) {
          job.record.retry_at.reset();
          set_phase(job, JobPhase::waiting, "tried again");
        } else {
          next_retry = std::min(next_retry, *job.record.retry_at);
          stays = true;
        }
      }
      stays |= reconcile_job(job);
    }
    at = stays ? std::next(at) : unsettled_.erase(at);
  }
  world_.clock.cancel(std::exchange(retry_timer_, 0));
  if (next_retry < kForever)
    retry_timer_ = world_.clock.call_in(std::max(Seconds(0), next_retry - unix_now()), [this] {
      retry_timer_ = 0;
      (void)turn([] {});
    });
}

bool Service::reconcile_job(LiveJob& job) {
  const Allocation& wanted = state_.job(job.id).allocation;
  switch (job.record.phase) {
    case JobPhase::waiting:
      if (wanted.empty()) return false;
      if (has_room(job, wanted)) start_incarnation(job, wanted);
      return true;
    case JobPhase::starting:
    case JobPhase::running:
      if (!job.failure.empty() || (wanted == job.running && !has_other_batch(job))) return false;
      if (wanted == job.running && job.is_finishing) return false;
      if (can_resize_in_place(job, wanted)) {
        resize_in_place(job, wanted);
        return true;
      }
      ++job.record.resizes;
      ++counters_.resizes;
      set_phase(
          job, JobPhase::pausing,
          wanted.empty()
              ? "told to pause"
              : fmt::format("told to end, to go on with {}{}", text_of_tasks(wanted),
                            has_other_batch(job) ? text_of_batch(state_.job(job.id).batch) : ""));
      stop_cells(job, false);
      return false;
    default:
      return false;
  }
}

void Service::start_incarnation(LiveJob& job, const Allocation& allocation) {
  ++job.record.epoch;
  job.running = allocation;
  job.record.batch = static_cast<std::uint32_t>(state_.job(job.id).batch);
  job.made_progress = false;
  std::uint16_t port = kSomePort;
  if (auto listener = world_.network.listen({"tcp:127.0.0.1:0"}, [](auto) {})) {
    const std::string address = (*listener)->address().text;
    port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }
  job.record.port = port;
  if (job.file.elastic == Elasticity::in_place) {
    add_members(job, allocation);
    tell_members(job);
  } else {
    for (const TaskGroup& group : allocation)
      add_cell(job, {.machine = group.machine.value,
                     .workers = group.workers,
                     .servers = group.servers,
                     .token = {}});
  }
  set_phase(job, JobPhase::starting, "starting " + text_of_tasks(allocation));
  show_progress(job, state_.spec(job.id).restart_cost);
  acts_.emplace_back([this, number = job.record.number,
                      directory = checkpoint_directory(job.file, directory_of(job.record.number),
                                                       job.record.directory)] {
    if (const auto made = world_.files.make_directories(directory); !made)
      cannot_go_on(number, "it has no place for checkpoints: " + made.error().message);
  });
  start_cells(job, 0);
}

void Service::add_cell(LiveJob& job, StoredCell record) {
  record.job = job.record.number;
  record.epoch = job.record.epoch;
  record.token = make_cell_secret(world_.random);
  hold(job, {MachineId(record.machine), record.workers, record.servers}, +1);
  store_->put_cell(record);
  job.cells.push_back({.record = std::move(record)});
}

void Service::start_cells(const LiveJob& job, std::size_t from) {
  std::vector<CellSpec> specs = specs_of(job);
  counters_.cells_started += specs.size() - from;
  for (std::size_t at = from; at < specs.size(); ++at)
    acts_.emplace_back([this, spec = std::move(specs[at])] { engine_.start(spec); });
}

std::vector<CellSpec> Service::specs_of(const LiveJob& job) const {
  Incarnation incarnation{.job = &job.record,
                          .file = &job.file,
                          .spec = &state_.spec(job.id),
                          .cells = records_of(job),
                          .hosts = {},
                          .directory = directory_of(job.record.number),
                          .lease = options_.lease};
  for (const StoredCell& cell : incarnation.cells)
    incarnation.hosts.push_back(engine_.host_of(MachineId(cell.machine)));
  return cells_of(incarnation);
}

void Service::stop_cells(LiveJob& job, bool is_urgent) {
  for (LiveCell& cell : job.cells) stop_cell(cell, is_urgent);
}

void Service::stop_cell(LiveCell& cell, bool is_urgent) {
  if (!std::exchange(cell.record.is_stopping, true)) store_->put_cell(cell.record);
  acts_.emplace_back([this, id = id_of(cell.record), is_urgent] { engine_.stop(id, is_urgent); });
}

void Service::show_progress(LiveJob& job, Seconds startup) {
  if (job.has_left) return;
  const JobState& known = state_.job(job.id);
  state_.observe(
      job.id, shown_samples(job),
      {pace_of(state_.spec(job.id), known.allocation, cluster(), known.batch), known.batch},
      startup);
}

void Service::set_usable(MachineId machine, const std::function<void(MachineState&)>& change) {
  MachineState& state = machines_[machine.index()];
  const bool was_usable = state.is_usable();
  change(state);
  if (state.is_usable() == was_usable) return;
  if (was_usable) {
    for (const JobId job : std::vector<JobId>(state_.active()))
      if (std::ranges::find(state_.job(job).allocation, machine, &TaskGroup::machine) !=
          state_.job(job).allocation.end()) {
        note_hit(live(job));
        unsettle(live(job));
        state_.allocate(job, {}, 0, Seconds(0));
      }
  }
  state_.set_up(machine, !was_usable);
  ask({.kind = was_usable ? EventKind::machine_down : EventKind::machine_up, .machine = machine});
}

void Service::on_machine(MachineId machine, bool is_up, const std::string& reason) {
  (void)turn([&] {
    store_->add_change(unix_now(), "machine", 0, JobPhase::waiting, 0,
                       fmt::format("{} is {}{}", cluster().machine_name(machine),
                                   is_up ? "up" : "down", reason.empty() ? "" : ": " + reason));
    set_usable(machine, [&](MachineState& state) {
      state.is_down = !is_up;
      if (!state.is_draining) state.reason = is_up ? "" : reason;
    });
  });
}

Result<void> Service::drain(const std::string& machine, bool is_draining,
                            const std::string& reason) {
  for (std::size_t m = 0; m < machines_.size(); ++m) {
    if (cluster().machine_name(MachineId(m)) != machine) continue;
    return turn([&] {
      store_->set_drain(machine, is_draining, reason);
      store_->add_change(
          unix_now(), "machine", 0, JobPhase::waiting, 0,
          fmt::format("{} is {}", machine, is_draining ? "drained" : "in use again"));
      set_usable(MachineId(m), [&](MachineState& state) {
        state.is_draining = is_draining;
        state.reason = is_draining ? reason : "";
      });
    });
  }
  return fail(ErrorCode::not_found, fmt::format("there is no machine '{}'", machine));
}

}  // namespace bourse
