#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bourse/service/members.h"
#include "bourse/service/service.h"

namespace bourse {

std::vector<StoredCell> Service::records_of(const LiveJob& job) {
  std::vector<StoredCell> records;
  for (const LiveCell& cell : job.cells) records.push_back(cell.record);
  return records;
}

std::vector<StoredCell> Service::members_of(const LiveJob& job) {
  std::vector<StoredCell> members = records_of(job);
  std::erase_if(members, [](const StoredCell& cell) { return cell.is_stopping; });
  return members;
}

bool Service::can_resize_in_place(const LiveJob& job, const Allocation& wanted) const {
  const bool runs = job.record.phase == JobPhase::starting || job.record.phase == JobPhase::running;
  if (job.file.elastic != Elasticity::in_place || !runs || job.is_finishing ||
      !job.failure.empty() || wanted.empty())
    return false;
  const MemberChange change = change_of(members_of(job), wanted);
  const TaskCounts stay = tasks_of(allocation_of(change.stay));
  return stay.workers >= job.file.min_workers && stay.servers == tasks_of(job.running).servers &&
         tasks_of(change.join).servers == 0;
}

void Service::resize_in_place(LiveJob& job, const Allocation& wanted) {
  const MemberChange change = change_of(members_of(job), wanted);
  const bool grows = !change.join.empty() && has_room(job, change.join);
  const bool is_same_size = change.leave.empty() && !grows;
  const bool is_same_batch = !has_other_batch(job);
  if (is_same_size && is_same_batch) return;  // Looked at again when a cell ends.
  for (const StoredCell& left : change.leave) remove_member(job, left);
  const std::size_t staying = job.cells.size();
  if (grows) add_members(job, change.join);
  job.running = allocation_of(records_of(job));
  job.record.batch = static_cast<std::uint32_t>(state_.job(job.id).batch);
  // What is reported from now on is of another size.
  job.reported.reset();
  if (!is_same_size) {
    ++job.record.resizes;
    ++counters_.resizes;
  }
  tell_members(job);
  note(job, fmt::format("goes on in place with {}{}", text_of_tasks(job.running),
                        is_same_batch ? "" : text_of_batch(static_cast<int>(job.record.batch))));
  show_progress(job, Seconds(0));
  start_cells(job, staying);
  runs_if_all_started(job);
}

void Service::remove_member(LiveJob& job, const StoredCell& member) {
  LiveCell& cell = *std::ranges::find(job.cells, member.part,
                                      [](const LiveCell& one) { return one.record.part; });
  cell.is_removed = true;
  stop_cell(cell, false);
}

void Service::add_members(LiveJob& job, const Allocation& join) {
  for (StoredCell& record : joining(join, records_of(job), job.record.last_part)) {
    job.record.last_part = std::max(job.record.last_part, record.part);
    add_cell(job, std::move(record));
  }
}

void Service::tell_members(LiveJob& job) {
  std::vector<StoredCell> members = members_of(job);
  give_ranks(members);
  for (const StoredCell& member : members) {
    LiveCell& cell = *std::ranges::find(job.cells, member.part,
                                        [](const LiveCell& one) { return one.record.part; });
    cell.record.rank = member.rank;
    store_->put_cell(cell.record);
  }
  ++job.record.generation;
  touch(job);
  write_members(job);
}

void Service::write_members(const LiveJob& job) {
  MembersFile file{.job = &job.record,
                   .members = members_of(job),
                   .hosts = {},
                   .batch = told_batch(job.file, static_cast<int>(job.record.batch))};
  for (const StoredCell& member : file.members)
    file.hosts.push_back(engine_.host_of(MachineId(member.machine)));
  acts_.emplace_back([this, number = job.record.number, text = members_text(file)] {
    const std::string directory = directory_of(number);
    Result<void> written = world_.files.make_directories(directory);
    if (written) written = world_.files.write(members_path(directory), text);
    if (!written)
      cannot_go_on(number, "its tasks cannot be told of the others: " + written.error().message);
  });
}

void Service::cannot_go_on(JobNumber number, const std::string& why) {
  stuck_.emplace_back(number, why);
  if (stuck_timer_ != 0) return;
  stuck_timer_ = world_.clock.call_in(Seconds(0), [this] {
    stuck_timer_ = 0;
    (void)turn([this] {
      for (const auto& [job_number, reason] : std::exchange(stuck_, {})) {
        const auto at = jobs_.find(job_number);
        if (at == jobs_.end() || at->second.cells.empty()) continue;
        LiveJob& job = at->second;
        if (job.failure.empty()) job.failure = reason;
        stop_cells(job, false);
      }
    });
  });
}

}  // namespace bourse
