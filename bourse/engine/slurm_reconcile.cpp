#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "bourse/base/units.h"
#include "bourse/engine/cell_files.h"
#include "bourse/engine/slurm_engine.h"

namespace bourse {
namespace {

/// Slurm is not asked more often than this, whatever happens.
constexpr Seconds kShortestPoll{0.25};
/// Jobs of cells that ended have this long to leave before they are cancelled.
constexpr Seconds kLeaving{15};
/// The job of a cell runs this long, or its lease, before its agent has to be there.
constexpr Seconds kAgentPatience{30};
/// A cell whose time limit may not be extended is stopped so much before its grace would begin.
constexpr Seconds kTimeMargin{60};
/// What others hold counts once it was seen so often in a row.
constexpr int kPollsHeld = 2;
/// A cell that jobs of others keep waiting for longer, or three polls, is given up, and its machine
/// is theirs.
constexpr Seconds kCrowdedPatience{15};
/// Names in one question.
constexpr std::size_t kMostNames = 200;

/// After these Slurm has seen to it that no process is left.
bool has_ended_whole(const SlurmJob& job) {
  static constexpr std::array<std::string_view, 7> kWhole{
      "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED", "DEADLINE"};
  return std::ranges::find(kWhole, job.state) != kWhole.end();
}

/// Somebody wanted it to end; its machine is not to blame.
bool was_wanted(const SlurmJob& job) {
  return job.state == "CANCELLED" || job.state == "TIMEOUT" || job.state == "PREEMPTED" ||
         job.state == "DEADLINE";
}

std::string sentence_of(const SlurmJob& job) {
  const std::string which = fmt::format("Slurm's job {}", job.id);
  if (job.state == "CANCELLED") return which + " was cancelled, not by bourse";
  if (job.state == "TIMEOUT") return which + " reached its time limit";
  if (job.state == "PREEMPTED") return which + " was preempted";
  if (job.state == "NODE_FAIL") return which + " was on a node that failed";
  if (job.state == "OUT_OF_MEMORY") return which + " used more memory than it asked for";
  if (job.state == "COMPLETED") return "its agent left without a word";
  return fmt::format("{} ended as {}, see agent.log of the cell", which, job.state);
}

}  // namespace

void SlurmEngine::poll_in(Seconds delay) {
  const Seconds due = world_.clock.now() + std::max(delay, kShortestPoll);
  if (poll_timer_ != 0 && poll_due_ <= due) return;
  world_.clock.cancel(poll_timer_);
  poll_due_ = due;
  poll_timer_ = world_.clock.call_at(due, [this] {
    poll_timer_ = 0;
    poll();
  });
}

void SlurmEngine::poll() {
  poll_in(options_.poll);
  if (std::exchange(is_polling_, true)) return;
  const std::uint64_t number = ++polls_;
  // One call for all cells, and one for all nodes.
  discover_nodes(commands_, options_.share,
                 [this, number](const Result<std::vector<SlurmNode>>& nodes) {
                   take_nodes(nodes);
                   commands_.live_jobs([this, number](const Result<std::vector<SlurmJob>>& jobs) {
                     is_polling_ = false;
                     take_jobs(jobs, number);
                     tell_machines();
                   });
                 });
}

void SlurmEngine::note_once(const Error& error) {
  if (error.message == last_error_) return;
  last_error_ = error.message;
  options_.log(error.message);
}

void SlurmEngine::take_nodes(const Result<std::vector<SlurmNode>>& nodes) {
  if (!nodes) return note_once(nodes.error());
  std::set<MachineId> listed;
  std::string added;
  for (const SlurmNode& node : *nodes) {
    const auto machine = machines_.find(node.name);
    if (machine == machines_.end()) {
      added += (added.empty() ? "" : ", ") + node.name;
      continue;
    }
    listed.insert(machine->second);
    // slurmctld has just started and not heard of it yet: what was true before goes on.
    if (node.is_unknown()) continue;
    others_[machine->second.index()] = held_by_others(machine->second, node);
    const std::string held = is_ours(machine->second) ? "" : others_[machine->second.index()];
    watch_.see(machine->second, node.trouble().empty() ? held : node.trouble());
    hosts_[machine->second.index()] = node.address.empty() ? node.name : node.address;
  }
  for (const auto& [name, machine] : machines_)
    if (!listed.contains(machine))
      watch_.see(machine, "Slurm does not list it any more among the nodes to use");
  if (!added.empty()) options_.on_new_nodes(added);
}

bool SlurmEngine::is_ours(MachineId machine) const {
  const auto is_there = [&](const auto& entry) { return entry.first.machine == machine; };
  // What ended a moment ago may still be counted.
  return std::ranges::any_of(cells_, is_there) || std::ranges::any_of(ended_, is_there);
}

std::optional<ResourceVector> SlurmEngine::held_by_us(MachineId machine) const {
  const auto is_there = [&](const auto& entry) { return entry.first.machine == machine; };
  if (std::ranges::any_of(ended_, is_there)) return std::nullopt;
  ResourceVector held(cluster_.types.size());
  for (const auto& [id, cell] : cells_) {
    if (id.machine != machine || cell.stand == Stand::waiting) continue;
    if (cell.stand != Stand::running) return std::nullopt;
    const ResourceVector taken = taken_by(submission_of(cell.spec, cluster_.types), cluster_.types);
    for (std::size_t r = 0; r < held.size(); ++r) held[r] += taken[r];
  }
  return held;
}

std::string SlurmEngine::held_by_others(MachineId machine, const SlurmNode& node) {
  std::string held;
  if (const auto ours = held_by_us(machine)) {
    const ResourceVector amounts = allocated_of(node, cluster_.types);
    for (std::size_t r = 0; r < amounts.size(); ++r)
      if (amounts[r] > (*ours)[r])
        held += fmt::format("{}{} {}", held.empty() ? "" : ", ",
                            amount_text(amounts[r] - (*ours)[r], cluster_.types[r].kind),
                            cluster_.types[r].name);
  }
  int& polls = polls_held_[machine.index()];
  polls = held.empty() ? 0 : std::min(polls + 1, kPollsHeld);
  return polls < kPollsHeld ? "" : fmt::format("jobs of others hold {}", held);
}

void SlurmEngine::tell_machines() {
  if (listener_ == nullptr) return;
  for (const MachineWatch::Change& change : watch_.changes(world_.clock.now())) {
    options_.log(fmt::format("{} is {}{}", cluster_.machine_name(change.machine),
                             change.is_up ? "up" : "down",
                             change.is_up ? "" : fmt::format(": {}", change.reason)));
    listener_->on_machine(change.machine, change.is_up, change.reason);
  }
}

void SlurmEngine::on_job_ended(std::uint64_t job) {
  const bool is_news = std::ranges::any_of(cells_, [&](const auto& entry) {
    return entry.second.job == job && entry.second.end_event == 0 && !entry.second.is_ending;
  });
  if (is_news) poll_in(Seconds(0));
}

void SlurmEngine::take_jobs(const Result<std::vector<SlurmJob>>& jobs, std::uint64_t number) {
  if (!jobs) return note_once(jobs.error());
  if (!has_adopted_all_) return;
  last_error_.clear();
  std::set<CellId> listed;
  std::vector<std::uint64_t> useless;
  for (const SlurmJob& job : *jobs) {
    const auto id = parse_slurm_name(memory_.key, job.name);
    if (!id || !is_live(job)) continue;
    listed.insert(*id);
    take_job(job, number, useless);
  }
  if (!useless.empty()) {
    options_.log(fmt::format("{} job{} of Slurm that no cell needs {} cancelled", useless.size(),
                             useless.size() == 1 ? "" : "s", useless.size() == 1 ? "is" : "are"));
    cancel_jobs(useless);
  }
  std::vector<CellId> gone;
  for (auto& [id, cell] : cells_) {
    const bool is_judged = !listed.contains(id) && !cell.is_submitting &&
                           cell.known_at_poll < number && cell.agent_at_poll < number &&
                           (cell.job != 0 || cell.submissions == 0);
    if (!is_judged || cell.end_event != 0 || cell.is_ending || hub_.is_connected(id)) continue;
    cell.stand = Stand::gone;
    if (!std::exchange(cell.is_looked_for, true)) gone.push_back(id);
  }
  look_for(gone);
  look_at_patience();
  std::erase_if(ended_, [now = world_.clock.now()](const auto& entry) {
    return now > entry.second + kLeaving;
  });
}

void SlurmEngine::take_job(const SlurmJob& job, std::uint64_t poll,
                           std::vector<std::uint64_t>& useless) {
  const CellId id = *parse_slurm_name(memory_.key, job.name);
  const auto entry = cells_.find(id);
  if (entry == cells_.end()) {
    if (ended_.contains(id) || job.state == "COMPLETING") return;
    useless.push_back(job.id);
    // It may hold its machine for a while, and is not of others.
    if (id.machine.index() < cluster_.machines.size()) ended_[id] = world_.clock.now();
    return;
  }
  Cell& cell = entry->second;
  if (cell.end_event != 0 || cell.is_ending || cell.known_at_poll >= poll) return;
  // The same was submitted twice, as the answer to the first was lost: the older one counts.
  if (cell.job != 0 && cell.job != job.id) useless.push_back(std::max(cell.job, job.id));
  cell.job = cell.job == 0 ? job.id : std::min(cell.job, job.id);
  if (cell.job != job.id) return;
  if (job.state == "PENDING" || job.state == "CONFIGURING") {
    cell.stand = Stand::waiting;
    cell.slurm_reason = job.reason;
    if (!cell.is_recorded) cell.has_agent = false;
    // slurmctld has forgotten that it started the job, of which all may be alive.
    if (cell.is_recorded && cell.agent_at_poll < poll && !hub_.is_connected(id))
      cell.fate = Fate{.sentence = fmt::format("Slurm put job {} back into its queue", job.id)};
    return;
  }
  if (std::exchange(cell.stand, Stand::running) != Stand::running)
    cell.running_since = world_.clock.now();
  if (job.left && *job.left < options_.time_limit * 0.5 && job.state == "RUNNING") extend(id, job);
}

void SlurmEngine::look_at_patience() {
  const Seconds now = world_.clock.now();
  const Seconds crowded = std::min(kCrowdedPatience, options_.poll * 3.0);
  std::vector<std::pair<CellId, std::string>> lost;
  for (const auto& [id, cell] : cells_) {
    // One with a fate waits for its agent, not for Slurm.
    if (cell.end_event != 0 || cell.is_ending || cell.fate || hub_.is_connected(id)) continue;
    const std::string& others = others_[id.machine.index()];
    if (cell.stand == Stand::waiting && !others.empty() && now > cell.asked + crowded) {
      // Theirs for a while, so that cells of ours do not queue there one after the other.
      watch_.strike(id.machine, now, true, others);
      lost.emplace_back(id, others);
    } else if (cell.stand == Stand::waiting && now > cell.asked + options_.patience)
      lost.emplace_back(id, fmt::format("Slurm kept it waiting for {}: {}",
                                        human(options_.patience), cell.slurm_reason));
    if (cell.stand == Stand::running && !cell.is_recorded &&
        now > cell.running_since + std::max(kAgentPatience, cell.spec.lease))
      lost.emplace_back(
          id, fmt::format("its agent did not come to {}:{}; is {} the same directory on {}?",
                          options_.agents_host, memory_.port, options_.state_directory,
                          cluster_.machine_name(id.machine)));
  }
  for (const auto& [id, why] : lost) lose(id, why, false);
}

void SlurmEngine::extend(CellId id, const SlurmJob& job) {
  Cell& cell = cells_.at(id);
  if (!may_extend_) {
    if (*job.left > cell.spec.grace + kTimeMargin + options_.poll || cell.is_time_over) return;
    cell.is_time_over = true;
    hub_.stop(id, false);
    return;
  }
  if (std::exchange(cell.is_extending, true)) return;
  commands_.extend(job.id, options_.time_limit, [this, id](const Result<std::string>& done) {
    if (const auto entry = cells_.find(id); entry != cells_.end())
      entry->second.is_extending = false;
    if (done) return;
    note_once(done.error());
    if (done.error().code != ErrorCode::invalid_argument) return;
    may_extend_ = false;
    options_.log(
        fmt::format("Slurm does not let us extend time limits, so cells are stopped and started "
                    "again after {}; see docs/slurm.md",
                    human(options_.time_limit)));
  });
}

void SlurmEngine::look_for(const std::vector<CellId>& cells) {
  for (std::size_t from = 0; from < cells.size(); from += kMostNames) {
    const std::size_t end = std::min(cells.size(), from + kMostNames);
    const std::vector<CellId> some(cells.begin() + static_cast<std::ptrdiff_t>(from),
                                   cells.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<std::string> names;
    for (const CellId id : some) names.push_back(name_of_job(id));
    commands_.jobs_named(names, [this, some](const Result<std::vector<SlurmJob>>& jobs) {
      if (!jobs) note_once(jobs.error());
      for (const CellId id : some) {
        const auto entry = cells_.find(id);
        if (entry == cells_.end()) continue;
        entry->second.is_looked_for = false;
        if (!jobs) continue;  // Found to be gone again by the next poll.
        const SlurmJob* last = nullptr;
        for (const SlurmJob& job : *jobs)
          if (job.name == name_of_job(id) && (last == nullptr || job.id > last->id)) last = &job;
        take_fate(id, last);
      }
      tell_machines();
    });
  }
}

void SlurmEngine::take_fate(CellId id, const SlurmJob* job) {
  Cell& cell = cells_.at(id);
  if (cell.end_event != 0 || cell.is_ending || hub_.is_connected(id)) return;
  if (job != nullptr && is_live(*job)) return;  // It came back.
  // What a lost node runs ends when its agents' leases do; the hub tells.
  const bool may_live = cell.is_recorded && (job == nullptr || !has_ended_whole(*job));
  if (may_live) return;
  if (job == nullptr)
    return end_later(id, CellEnd::lost, "Slurm does not know its job, which was never started");
  if (job->state == "NODE_FAIL" || job->state == "BOOT_FAIL")
    return lose(id, sentence_of(*job), true);
  const Fate fate{.sentence = sentence_of(*job),
                  .is_strike = !was_wanted(*job) && job->state != "COMPLETED"};
  if (!may_be_of_second_start(id, *job)) return meet(id, fate);
  cell.fate = fate;
}

/// slurmctld may have forgotten that it had started the job, and have started it again: the second
/// agent was turned away, and it is the end of that one of which Slurm tells. The first, should it
/// live, comes within its lease or ends its tasks. An agent that dies does not let its job
/// complete.
bool SlurmEngine::may_be_of_second_start(CellId id, const SlurmJob& job) {
  const Cell& cell = cells_.at(id);
  if (!cell.is_recorded || (cell.is_heard_of && job.state != "COMPLETED")) return false;
  const auto left = events_left(world_.files, cell.spec, hub_.last_event(id));
  return !left || left->empty() || left->back().kind != CellEventKind::ended;
}

void SlurmEngine::meet(CellId id, const Fate& fate) {
  if (fate.is_strike) return lose(id, fate.sentence, false);
  end_later(id, CellEnd::lost, fate.sentence);
}

bool SlurmEngine::has_life(MachineId machine, CellId but) const {
  return std::ranges::any_of(cells_, [&](const auto& entry) {
    return entry.first.machine == machine && entry.first != but && hub_.is_connected(entry.first);
  });
}

void SlurmEngine::lose(CellId id, const std::string& message, bool is_machine_gone) {
  const MachineId machine = id.machine;
  options_.log(fmt::format("cell {} on {} is lost: {}", text_of(id), cluster_.machine_name(machine),
                           message));
  watch_.strike(machine, world_.clock.now(), is_machine_gone && !has_life(machine, id), message);
  end_later(id, CellEnd::lost, message);
  // The cell first, so that its job counts as hit and not as moved away in peace.
  world_.clock.call_in(kShortestPoll, alive_.guard([this] { tell_machines(); }));
}

}  // namespace bourse
