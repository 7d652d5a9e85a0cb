#include "tests/faults/witness.h"

#include <fmt/core.h>

#include <algorithm>

namespace bourse::faults {
namespace {

/// A hub waits a little longer than the lease before it takes a cell for lost (AgentHub).
constexpr double kLeaseMargin = 1.2;
/// Signals, looks at processes and starts take their time.
constexpr Seconds kSlack{4};
/// A promise is late from here on: what starts and reports take is not planned.
constexpr Seconds kLate{5};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// An entry of a history that says why a promise may be broken.
bool is_reason(const JobStep& step) {
  return step.phase == JobPhase::backing_off || step.phase == JobPhase::pausing ||
         has(step.what, "planned anew") || has(step.what, "waits") || has(step.what, "in place");
}

}  // namespace

void Witness::say(const std::string& sentence) const {
  if (options_.is_told) fmt::print("{:10.4f} {}\n", options_.now().value, sentence);
}

void Witness::violate(const std::string& sentence) {
  if (violation_) return;
  violation_ = fmt::format("at {:.4f}: {}", options_.now().value, sentence);
  say("VIOLATED " + sentence);
}

Seconds Witness::patience() const {
  return options_.lease * kLeaseMargin + options_.longest_grace + kSlack;
}

void Witness::began(const RunningTask& task) {
  const JobNumber job = task.cell.job;
  say(fmt::format("task {} of cell {} runs", task.task, text_of(task.cell)));
  for (const RunningTask& other : running_[job]) {
    if (other.cell.epoch != task.cell.epoch)
      violate(
          fmt::format("job {} runs in epochs {} and {}", job, other.cell.epoch, task.cell.epoch));
    if (other.task == task.task) violate(fmt::format("{} of job {} runs twice", task.task, job));
  }
  running_[job].push_back(task);
  if (++on_machine_[task.cell.machine] > options_.capacity)
    violate(fmt::format("machine {} holds more than {} tasks", task.cell.machine.value,
                        options_.capacity));
  const auto seen = jobs_.find(job);
  if (seen != jobs_.end() && is_end(seen->second.phase))
    violate(fmt::format("job {} runs after its end", job));
}

void Witness::ended(const RunningTask& task) {
  say(fmt::format("task {} of cell {} is gone", task.task, text_of(task.cell)));
  std::vector<RunningTask>& tasks = running_[task.cell.job];
  std::erase_if(tasks, [&](const RunningTask& one) {
    return one.cell == task.cell && one.task == task.task;
  });
  --on_machine_[task.cell.machine];
}

void Witness::completed(JobNumber job) {
  say(fmt::format("job {} has done its work", job));
  jobs_[job].is_complete = true;
}

void Witness::accepted(JobNumber job, Promised promised) {
  say(fmt::format("job {} was accepted", job));
  jobs_[job].promised = promised;
}

void Witness::daemon_is(bool alive) {
  if (alive)
    dead_since_.reset();
  else if (!dead_since_)
    dead_since_ = options_.now();
}

bool Witness::have_all_ended() const {
  return std::ranges::all_of(jobs_, [](const auto& one) { return is_end(one.second.phase); });
}

std::vector<JobNumber> Witness::living() const {
  std::vector<JobNumber> numbers;
  for (const auto& [number, seen] : jobs_)
    if (!is_end(seen.phase)) numbers.push_back(number);
  return numbers;
}

int Witness::processes_of(JobNumber job) const {
  const auto tasks = running_.find(job);
  const auto children = children_.find(job);
  return (tasks == running_.end() ? 0 : static_cast<int>(tasks->second.size())) +
         (children == children_.end() ? 0 : children->second);
}

void Witness::look(Service& service,
                   const std::function<std::optional<JobView>(JobNumber)>& journaled) {
  std::set<JobNumber> changed;
  for (const ChangeView& change : service.changes_after(told_, 1000)) {
    told_ = change.number;
    changed.insert(change.job);
    say(fmt::format("journal: {} {}: {}", change.kind, change.job, change.text));
  }
  changed.erase(0);
  for (const JobNumber number : changed)
    if (const auto job = journaled(number)) look_at(*job);
  for (const MachineView& machine : service.machines())
    for (std::size_t r = 0; r < machine.capacity.size(); ++r)
      if (machine.used[r] > machine.capacity[r])
        violate(fmt::format("machine {} is used beyond its capacity", machine.name));
}

void Witness::look_at_all(Service& service) {
  std::set<JobNumber> listed;
  for (const JobView& job : service.jobs({.phases = {}, .group = {}, .limit = kMaxJobsListed})) {
    listed.insert(job.number);
    look_at(job);
  }
  for (const auto& [number, seen] : jobs_)
    if (!listed.contains(number)) violate(fmt::format("job {} was accepted and is lost", number));
}

void Witness::look_at(const JobView& job) {
  const auto [at, is_new] = jobs_.try_emplace(job.number);
  Seen& seen = at->second;
  if (is_new) seen.promised = tried_;
  const auto broken = [&](const std::string& what) {
    violate(fmt::format("job {} {}: {}", job.number, what, job.reason));
  };
  if (is_end(seen.phase) && job.phase != seen.phase)
    broken(fmt::format("is {} after it was {}", name_of(job.phase), name_of(seen.phase)));
  if (job.epoch < seen.epoch) broken("has an epoch that was there before");
  seen.epoch = job.epoch;
  if (job.phase == seen.phase) return;
  seen.phase = job.phase;
  if (!is_end(job.phase)) return;
  using enum JobPhase;
  if (job.phase == finished && !seen.is_complete) broken("is finished without its work");
  if (job.phase == failed && !seen.promised.may_fail) broken("has failed, which it never does");
  if (job.phase == declined && !seen.promised.may_decline) broken("is declined for nothing");
  if (job.phase == cancelled && !seen.promised.was_cancelled) broken("is cancelled by nobody");
  if (job.reason.empty()) broken("has ended without a reason");
  deadlines_.push_back({options_.now() + patience(), job.number});
}

void Witness::tick() {
  while (!deadlines_.empty() && deadlines_.front().at < options_.now()) {
    const JobNumber job = deadlines_.front().job;
    deadlines_.pop_front();
    if (processes_of(job) > 0) violate(fmt::format("job {} has left processes behind", job));
  }
  if (!dead_since_ || options_.now() < *dead_since_ + patience()) return;
  for (const auto& [job, tasks] : running_)
    if (processes_of(job) > 0)
      violate(fmt::format("job {} runs a lease after the last daemon", job));
}

void Witness::look_back(Service& service) {
  look_at_all(service);
  for (const auto& [number, seen] : jobs_) {
    const Result<JobDetail> job = service.job(number);
    if (job) look_back_at(*job);
  }
}

void Witness::look_back_at(const JobDetail& job) {
  const std::vector<JobStep>& steps = job.history;
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const JobPhase from = steps[i - 1].phase;
    if (from != steps[i].phase && !may_follow(from, steps[i].phase))
      violate(fmt::format("job {} went from {} to {}: {}", job.job.number, name_of(from),
                          name_of(steps[i].phase), steps[i].what));
    if (steps[i].epoch < steps[i - 1].epoch)
      violate(fmt::format("job {} went back to epoch {}", job.job.number, steps[i].epoch));
  }
  const JobView& view = job.job;
  const bool is_late = view.phase == JobPhase::finished && view.promised && view.ended &&
                       *view.ended > *view.promised + kLate;
  if (is_late && std::ranges::none_of(steps, is_reason))
    violate(fmt::format("job {} was promised for {:.2f}, ended at {:.2f}, and nothing says why",
                        view.number, view.promised->value, view.ended->value));
}

}  // namespace bourse::faults
