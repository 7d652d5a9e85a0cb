#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bourse/policy/rates.h"
#include "bourse/service/plan_json.h"
#include "bourse/service/service.h"

namespace bourse {

Result<Service::LiveJob> Service::read_live(StoredJob record, JobSpec& spec) const {
  const auto broken = [&](const Error& error) {
    return fail(ErrorCode::data_corrupted, fmt::format("job {} in the store cannot be read: {}",
                                                       record.number, error.message));
  };
  Result<JobFile> file = parse_job_file(record.text, "job.yaml");
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
    added.plan = parse_plan(added.record.plan, added.id);
  }
  recover_cells(store_->cells());
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
    job.running.push_back(group);
    hold(job, group, +1);
    // It may have ended or may yet start; its agent says which.
    job.cells.push_back(
        {.record = std::move(cell), .has_started = job.record.phase != JobPhase::starting});
  }
  for (auto& [number, job] : jobs_) {
    if (job.cells.empty()) continue;
    for (const CellSpec& spec : specs_of(job)) engine_.adopt(spec);
    if (job.record.phase == JobPhase::pausing) stop_cells(job, false);
  }
  engine_.adopted_all();
}

void Service::recover_decisions() {
  store_->add_change(unix_now(), "daemon", 0, JobPhase::waiting, 0, "the daemon started");
  for (const JobId id : std::vector<JobId>(state_.active())) {
    LiveJob& job = live(id);
    if (job.record.phase == JobPhase::starting || job.record.phase == JobPhase::running ||
        job.record.phase == JobPhase::pausing) {
      if (job.cells.empty()) {
        set_phase(job, JobPhase::backing_off, "its cells are gone");
        job.record.retry_at = unix_now();
      }
    }
    const Seconds promised =
        job.record.promised ? *job.record.promised - store_->beginning() : kForever;
    if (job.record.was_admitted && policy_->adopt(state_, id, job.plan, promised)) continue;
    ask({.kind = EventKind::arrival, .job = id});
  }
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
