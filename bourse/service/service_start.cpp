#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bourse/policy/rates.h"
#include "bourse/service/incarnation.h"
#include "bourse/service/members.h"
#include "bourse/service/plan_json.h"
#include "bourse/service/service.h"

namespace bourse {

Result<Service::LiveJob> Service::read_live(StoredJob record, JobSpec& spec) const {
  const auto broken = [&](const Error& error) {
    return fail(ErrorCode::data_corrupted, fmt::format("job {} in the store cannot be read: {}",
                                                       record.number, error.message));
  };
  Result<JobFile> file = parse_job_file(record.text, "job.yaml", CommandTexts::shell_too);
  if (!file) return broken(file.error());
  Result<JobSpec> bound =
      bind_job(*file, engine_.cluster(), record.submitted - store_->beginning());
  if (!bound) return broken(bound.error());
  spec = *std::move(bound);
  spec.name = fmt::format("{}-{}", record.name, record.number);
  LiveJob job;
  job.declared = spec.throughput;
  job.file = *std::move(file);
  job.speeds = ObservedSpeeds::parse(record.speeds);
  job.record = std::move(record);
  return job;
}

Result<void> Service::recover() {
  state_.set_now(policy_now());
  for (StoredJob& record : store_->live_jobs()) {
    JobSpec spec;
    BOURSE_TRY(LiveJob job, read_live(std::move(record), spec));
    // A clock that was set back must not put an arrival into the future.
    spec.arrival = std::min(spec.arrival, state_.now());
    LiveJob& added = add_live(std::move(job), std::move(spec));
    added.charge = store_->charge_of(added.record.number);
    added.plan = parse_plan(added.record.plan, added.id);
  }
  recover_cells(store_->cells());
  tokens_ = store_->tokens();
  accounts_ = Accounts(store_->accounts());
  std::vector<std::pair<MachineId, std::string>> draining;
  for (const Store::Drain& drain : store_->drains())
    for (std::size_t m = 0; m < machines_.size(); ++m)
      if (cluster().machine_name(MachineId(m)) == drain.machine)
        draining.emplace_back(MachineId(m), drain.reason);
  return turn([&] {
    for (const auto& [machine, reason] : draining)
      set_usable(machine, [&](MachineState& state) {
        state.is_draining = true;
        state.reason = reason;
      });
    recover_decisions();
  });
}

void Service::recover_cells(std::vector<StoredCell> cells) {
  for (StoredCell& cell : cells) {
    const auto at = jobs_.find(cell.job);
    const bool is_current = at != jobs_.end() && at->second.record.epoch == cell.epoch &&
                            cell.machine < machines_.size();
    if (!is_current) {
      store_->remove_cell(cell);  // The engine ends what was not adopted.
      continue;
    }
    LiveJob& job = at->second;
    const TaskGroup group{MachineId(cell.machine), cell.workers, cell.servers};
    if (!has_room(job, {group})) {
      store_->remove_cell(cell);
      job.failure = cluster().machine_name(group.machine) + " has less than it had";
      job.is_lost = true;
      continue;
    }
    hold(job, group, +1);
    // It may have ended or may yet start; its agent says which.
    const bool stays = job.record.phase != JobPhase::pausing && !job.record.is_cancelled;
    const bool is_removed = cell.part != 0 && cell.is_stopping && stays;
    job.cells.push_back({.record = std::move(cell), .is_removed = is_removed});
  }
  for (auto& [number, job] : jobs_) {
    if (job.cells.empty()) {
      job.failure.clear();
      job.is_lost = false;
      continue;
    }
    // The daemon may have ended before it had made it.
    const auto made = world_.files.make_directories(
        checkpoint_directory(job.file, directory_of(number), job.record.directory));
    if (!made && job.failure.empty())
      job.failure = "it has no place for checkpoints: " + made.error().message;
    for (const CellSpec& spec : specs_of(job)) engine_.adopt(spec);
    recover_running(job);
    if (job.record.is_cancelled) job.failure = "cancelled";
    if (job.record.phase == JobPhase::pausing || !job.failure.empty()) stop_cells(job, false);
  }
  engine_.adopted_all();
}

void Service::recover_running(LiveJob& job) {
  if (job.file.elastic != Elasticity::in_place) {
    for (const LiveCell& cell : job.cells)
      job.running.push_back(
          {MachineId(cell.record.machine), cell.record.workers, cell.record.servers});
    return;
  }
  job.running = allocation_of(records_of(job));
  for (LiveCell& cell : job.cells)
    if (cell.is_removed) stop_cell(cell, false);
  if (!job.running.empty()) {
    const auto text = world_.files.read(members_path(directory_of(job.record.number)));
    const std::optional<ListedMembers> listed = listed_members(text.value_or(""));
    if (!listed || listed->generation != job.record.generation) return write_members(job);
    // Those that are listed and are not there any more have completed.
    job.is_finishing = listed->count > members_of(job).size();
    return;
  }
  // All are told to end, and it is not known any more whether they had completed.
  if (job.record.phase == JobPhase::pausing) return;
  job.failure = "its cells were told to end when the daemon ended";
  job.is_lost = true;
}

bool Service::goes_on(const LiveJob& job) const {
  return !job.cells.empty() && job.record.phase != JobPhase::pausing && !job.record.is_cancelled &&
         job.failure.empty() && !job.running.empty() &&
         std::ranges::all_of(job.running, [&](const TaskGroup& group) {
           return machines_[group.machine.index()].is_usable();
         });
}

void Service::leave_what_runs(Decision& decision) const {
  // Those that are left out may have made room for others, so room is counted as it is taken.
  std::map<MachineId, std::vector<Amount>> left;
  const auto takes_room = [&](const Change& change) {
    const JobSpec& spec = state_.spec(change.job);
    std::map<MachineId, std::vector<Amount>> after = left;
    for (const TaskGroup& group : change.allocation) {
      const std::span<const Amount> free = state_.free(group.machine);
      std::vector<Amount>& amounts =
          after.try_emplace(group.machine, free.begin(), free.end()).first->second;
      for (std::size_t r = 0; r < amounts.size(); ++r) {
        amounts[r] -= group.workers * spec.worker[r] + group.servers * spec.server[r];
        if (amounts[r] < 0) return false;
      }
    }
    left = std::move(after);
    return true;
  };
  std::erase_if(decision.changes, [&](const Change& change) {
    const bool runs = !state_.job(change.job).allocation.empty();
    return runs || !takes_room(change);
  });
  std::erase_if(decision.declined, [&](JobId id) { return !state_.job(id).allocation.empty(); });
}

void Service::recover_job(LiveJob& job, bool goes_on) {
  if (job.record.is_cancelled) {
    job.has_left = true;  // The policy need not learn of it.
    if (job.cells.empty()) end_job(job, JobPhase::cancelled, "cancelled");
    return;
  }
  show_arrival(job);
  if (goes_on) {
    const auto batch = static_cast<int>(job.record.batch);
    state_.allocate(job.id, job.running,
                    {pace_of(state_.spec(job.id), job.running, cluster(), batch), batch},
                    Seconds(0));
  }
  if (job.cells.empty() &&
      (job.record.phase == JobPhase::starting || job.record.phase == JobPhase::running ||
       job.record.phase == JobPhase::pausing)) {
    set_phase(job, JobPhase::backing_off, "its cells are gone");
    job.record.retry_at = unix_now();
  }
  const bool was_promised = job.record.was_admitted && job.record.promised;
  const Seconds promised = was_promised ? *job.record.promised - store_->beginning() : kForever;
  if (policy_->adopt(state_, job.id, job.plan, promised)) return;
  ask({.kind = EventKind::arrival, .job = job.id});
}

void Service::recover_decisions() {
  store_->add_change(unix_now(), "daemon", 0, JobPhase::waiting, 0, "the daemon started");
  is_recovering_ = true;
  // What runs is shown before what waits, so that nobody is given its place.
  for (const bool running : {true, false})
    for (auto& [number, job] : jobs_)
      if (goes_on(job) == running) recover_job(job, running);
  is_recovering_ = false;
  for (const auto& [number, job] : jobs_) unsettle(job);
  wake_at_ = state_.now();
  wake_while_due();
  // What runs goes on from where it was seen, not from the beginning of a restart.
  for (const JobId id : state_.active()) {
    LiveJob& job = live(id);
    if (!job.running.empty() && state_.job(id).allocation == job.running)
      show_progress(job, Seconds(0));
  }
}

}  // namespace bourse
