#include "bourse/engine/slurm_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/engine/cell_files.h"

namespace bourse {
namespace {

/// Files of cells that ended are removed a while later, see LocalEngine.
constexpr Seconds kFilesStay{2};
constexpr std::size_t kKeyLength = 8;
constexpr Seconds kSubmitAgain{1};
/// An agent whose cell ended does not wait longer for Slurm to end its job.
constexpr Seconds kLongestLeave{1};
/// How much later than its patience an agent may come before the hub gives it up.
constexpr Seconds kStartMargin{60};

Amount amount_of(const CellSpec& cell, std::optional<std::size_t> resource) {
  return resource && *resource < cell.demand.size() ? cell.demand[*resource] : 0;
}

}  // namespace

Result<std::unique_ptr<SlurmEngine>> SlurmEngine::open(World& world, SlurmEngineOptions options,
                                                       std::vector<SlurmNode> nodes) {
  std::unique_ptr<SlurmEngine> engine(new SlurmEngine(world, std::move(options)));
  BOURSE_TRY_VOID(engine->set_up(std::move(nodes)));
  return engine;
}

SlurmEngine::SlurmEngine(World& world, SlurmEngineOptions options)
    : world_(world),
      options_(std::move(options)),
      commands_(world, options_.commands),
      hub_(world, *this),
      watch_(0, {}) {}

SlurmEngine::~SlurmEngine() { world_.clock.cancel(poll_timer_); }

Result<void> SlurmEngine::set_up(std::vector<SlurmNode> nodes) {
  Files& files = world_.files;
  BOURSE_TRY_VOID(files.make_directories(options_.state_directory + "/agents"));
  const std::string path = options_.state_directory + "/slurm.json";
  if (files.exists(path)) {
    BOURSE_TRY(const std::string text, files.read(path));
    auto memory = parse_slurm_memory(text);
    if (!memory)
      return fail(memory.error().code, fmt::format("{}: {}", path, memory.error().message));
    memory_ = *std::move(memory);
  } else {
    memory_.key = world_.random.token().substr(0, kKeyLength);
  }
  remember_nodes(memory_, nodes);
  cluster_ = cluster_of(memory_);
  watch_ = MachineWatch(cluster_.machines.size(), {});
  hosts_.assign(cluster_.machines.size(), "");
  polls_held_.assign(cluster_.machines.size(), 0);
  others_.assign(cluster_.machines.size(), "");
  for (std::size_t m = 0; m < memory_.nodes.size(); ++m)
    machines_[memory_.nodes[m].name] = MachineId(m);
  BOURSE_TRY_VOID(listen_for_agents());
  BOURSE_TRY_VOID(save_memory());
  if (!options_.helper.empty())
    commands_.use_helper({.program = options_.helper,
                          .socket = options_.state_directory + "/slurm-helper.socket",
                          .host = options_.agents_host,
                          .environment = options_.commands.environment,
                          .deadline = options_.commands.deadline,
                          .log = options_.log},
                         {.on_nodes = [this] { poll_in(Seconds(0)); },
                          .on_ended = [this](std::uint64_t job) { on_job_ended(job); }});
  take_nodes(std::move(nodes));
  world_.clock.call_in(Seconds(0), alive_.guard([this] { tell_machines(); }));
  poll_in(options_.poll);
  return {};
}

/// Agents of an earlier life come to the port of then.
Result<void> SlurmEngine::listen_for_agents() {
  const auto listen_at = [this](std::uint16_t port) {
    return hub_.listen({fmt::format("tcp:{}:{}", options_.listen_host, port)});
  };
  const std::uint16_t wanted = options_.port != 0 ? options_.port : memory_.port;
  if (const auto listening = listen_at(wanted); !listening) {
    if (options_.port != 0 || memory_.port == 0) return listening;
    options_.log(fmt::format("port {}, where agents of an earlier life come, is taken: {}",
                             memory_.port, listening.error().message));
    BOURSE_TRY_VOID(listen_at(0));
  }
  const std::string text = hub_.address().text;
  memory_.port = static_cast<std::uint16_t>(std::stoi(text.substr(text.rfind(':') + 1)));
  return {};
}

Result<void> SlurmEngine::save_memory() {
  return world_.files.write(options_.state_directory + "/slurm.json", slurm_memory_text(memory_));
}

std::string SlurmEngine::confinement() const {
  const std::string& partition = options_.commands.access.partition;
  return fmt::format(
      "cells are jobs bourse-{}-* of Slurm{}, which confines them; agents come to {}:{}",
      memory_.key, partition.empty() ? "" : fmt::format(" in partition {}", partition),
      options_.agents_host, memory_.port);
}

void SlurmEngine::start(const CellSpec& spec) {
  if (cells_.contains(spec.id)) return;
  BOURSE_CHECK(spec.id.machine.index() < cluster_.machines.size());
  ended_.erase(spec.id);
  cells_.emplace(spec.id, Cell{.spec = spec, .asked = world_.clock.now()});
  hub_.expect(spec, {.patience = options_.patience + kStartMargin});
  submit(spec.id);
}

void SlurmEngine::submit(CellId id) {
  Cell& cell = cells_.at(id);
  const std::string& directory = cell.spec.directory;
  const auto workers = std::ranges::count(cell.spec.tasks, TaskRole::worker, &TaskSpec::role);
  const Amount gpus = amount_of(cell.spec, cluster_.types.find("gpu"));
  const auto written = [&]() -> Result<void> {
    BOURSE_TRY_VOID(world_.files.make_directories(directory));
    return write_anew(
        world_.files, launch_path(directory),
        launch_file_text({.cell = cell.spec,
                          .daemon = {fmt::format("tcp:{}:{}", options_.agents_host, memory_.port)},
                          .confinement = {.gpus_per_worker = workers == 0 ? 0 : gpus / workers}}));
  }();
  if (!written) return end_later(id, CellEnd::failed, written.error().message);
  SlurmSubmission job = submission_of(cell.spec, cluster_.types);
  job.name = name_of_job(id);
  job.node = cluster_.machine_name(id.machine);
  job.time_limit = options_.time_limit;
  job.output_file = agent_log_path(directory);
  job.command = options_.agent_command;
  job.command.insert(job.command.end(), {"--cell", directory});
  job.environment = options_.agent_environment;
  job.environment.insert(job.environment.end(),
                         {fmt::format("BOURSE_CELL={}", text_of(id)), mark_of(directory)});
  // One for each node is enough to hear of the node.
  cell.is_told_of = std::ranges::none_of(cells_, [&](const auto& entry) {
    return entry.first != id && entry.first.machine == id.machine && entry.second.is_told_of &&
           entry.second.end_event == 0;
  });
  job.is_told_of = cell.is_told_of;
  cell.is_submitting = true;
  ++cell.submissions;
  commands_.submit(job,
                   [this, id](const Result<std::uint64_t>& number) { on_submitted(id, number); });
}

void SlurmEngine::on_submitted(CellId id, const Result<std::uint64_t>& job) {
  const auto entry = cells_.find(id);
  const bool is_wanted = entry != cells_.end() && entry->second.end_event == 0 &&
                         !entry->second.is_ending && entry->second.is_submitting;
  if (entry != cells_.end()) entry->second.is_submitting = false;
  if (job && !is_wanted) return cancel_jobs({*job});
  if (!is_wanted) return;
  Cell& cell = entry->second;
  cell.known_at_poll = polls_;
  if (job) {
    cell.job = *job;
    return;
  }
  if (job.error().code == ErrorCode::invalid_argument || job.error().code == ErrorCode::not_found)
    return end_later(id, CellEnd::failed, job.error().message);
  submit_again(id, job.error());
}

void SlurmEngine::submit_again(CellId id, const Error& error) {
  const Cell& cell = cells_.at(id);
  if (world_.clock.now() > cell.asked + options_.patience)
    return end_later(id, CellEnd::lost, error.message);
  note_once(error);
  world_.clock.call_in(kSubmitAgain, alive_.guard([this, id] {
    const auto entry = cells_.find(id);
    if (entry == cells_.end() || entry->second.is_recorded || entry->second.is_ending) return;
    commands_.jobs_named({name_of_job(id)}, [this, id](const Result<std::vector<SlurmJob>>& jobs) {
      const auto found = cells_.find(id);
      if (found == cells_.end() || found->second.is_recorded || found->second.is_ending) return;
      if (!jobs) return submit_again(id, jobs.error());
      if (jobs->empty()) return submit(id);
      found->second.job = jobs->front().id;
      found->second.known_at_poll = polls_;
    });
  }));
}

void SlurmEngine::adopt(const CellSpec& spec) {
  if (cells_.contains(spec.id)) return;
  BOURSE_CHECK(spec.id.machine.index() < cluster_.machines.size());
  Cell& cell =
      cells_.emplace(spec.id, Cell{.spec = spec, .asked = world_.clock.now()}).first->second;
  const auto record = read_cell_record(world_.files, record_path(spec.id));
  cell.has_agent = true;  // As far as we know; one that waits in the queue has none.
  cell.is_recorded = record.has_value();
  if (record)
    hub_.expect(spec, {.agent = record->process});
  else
    hub_.expect(spec, {.patience = options_.patience + kStartMargin});
}

void SlurmEngine::adopted_all() {
  hub_.expected_all();
  has_adopted_all_ = true;
  if (const auto names = world_.files.list(options_.state_directory + "/agents"))
    for (const std::string& name : *names) {
      const auto id = parse_cell_id(name);
      if (id && !cells_.contains(*id)) (void)world_.files.remove(record_path(*id));
    }
  poll_in(Seconds(0));
}

void SlurmEngine::stop(CellId id, bool is_urgent) {
  hub_.stop(id, is_urgent);
  const auto entry = cells_.find(id);
  if (entry == cells_.end()) return;
  const Cell& cell = entry->second;
  // Nothing of it has started, and nothing will.
  if (!cell.has_agent && !hub_.is_connected(id) && has_adopted_all_)
    end_later(id, CellEnd::stopped, "");
}

// Slurm looks at its queue once a second, and whenever the epilog of a job is over. Of a job that
// ends by itself it only sees that there is nothing left to end. So the job is ended by Slurm,
// after what follows it was submitted, and the agent may go then (docs/decisions/0078).
void SlurmEngine::acknowledge(CellId id, std::uint64_t number) {
  const auto entry = cells_.find(id);
  const bool is_last =
      entry != cells_.end() && entry->second.end_event != 0 && number >= entry->second.end_event;
  if (!is_last) return hub_.acknowledge(id, number);
  if (std::exchange(entry->second.is_leaving, true)) return;
  if (!commands_.has_helper() || entry->second.job == 0 || !hub_.is_connected(id))
    return let_go(id, number);
  world_.clock.call_in(Seconds(0), alive_.guard([this, id, number, job = entry->second.job] {
    commands_.complete(job, [this, id, number](const Result<std::string>&) { let_go(id, number); });
  }));
  world_.clock.call_in(kLongestLeave, alive_.guard([this, id, number] { let_go(id, number); }));
}

void SlurmEngine::let_go(CellId id, std::uint64_t number) {
  if (!cells_.contains(id)) return;
  hub_.acknowledge(id, number);
  drop(id);
}

std::vector<CellStatus> SlurmEngine::cells() const {
  std::vector<CellStatus> statuses = hub_.cells();
  for (CellStatus& status : statuses) status.host = cluster_.machine_name(status.id.machine);
  return statuses;
}

void SlurmEngine::on_event(const CellEvent& told) {
  CellEvent event = told;
  Cell& cell = cells_.at(event.cell);
  if (event.kind == CellEventKind::ended) {
    cell.end_event = event.number;
    if (cell.is_time_over && event.end == CellEnd::stopped) {
      event.end = CellEnd::lost;
      event.message = "its time limit in Slurm is over and may not be extended";
    }
  }
  if (listener_ != nullptr) listener_->on_cell(event);
}

void SlurmEngine::on_agent(CellId id, ProcessId agent) {
  Cell& cell = cells_.at(id);
  cell.has_agent = true;
  cell.is_heard_of = true;
  cell.fate.reset();
  if (std::exchange(cell.is_recorded, true)) return;
  cell.stand = Stand::running;
  cell.running_since = world_.clock.now();
  cell.agent_at_poll = polls_;
  const auto written = write_cell_record(world_.files, record_path(id),
                                         {.directory = cell.spec.directory, .process = agent});
  if (!written) options_.log(written.error().message);
}

/// It comes back within its lease, or Slurm knows more.
void SlurmEngine::on_broken(CellId id) {
  const auto entry = cells_.find(id);
  if (entry != cells_.end() && entry->second.end_event == 0) poll_in(Seconds(0.5));
}

/// Had only the agent died, Slurm would have told of the end of its job by now.
void SlurmEngine::on_silent(CellId id) {
  if (const std::optional<Fate> fate = cells_.at(id).fate) return meet(id, *fate);
  const bool has_agent = cells_.at(id).has_agent;
  lose(id, has_agent ? "its agent was not heard of for its lease" : "its agent has never come",
       has_agent);
}

void SlurmEngine::cancel_job(const Cell& cell) {
  if (cell.job != 0) cancel_jobs({cell.job});
}

void SlurmEngine::cancel_jobs(const std::vector<std::uint64_t>& jobs) {
  commands_.cancel(jobs, [this](const Result<std::string>& done) {
    if (done) return;
    note_once(done.error());
    poll_in(options_.poll);  // What was not cancelled is found again.
  });
}

void SlurmEngine::end_later(CellId id, CellEnd end, const std::string& message) {
  Cell& cell = cells_.at(id);
  if (std::exchange(cell.is_ending, true)) return;
  hub_.give_up(id);
  cancel_job(cell);
  world_.clock.call_in(Seconds(0),
                       alive_.guard([this, id, end, message] { end_now(id, end, message); }));
}

void SlurmEngine::end_now(CellId id, CellEnd end, const std::string& message) {
  const auto entry = cells_.find(id);
  if (entry == cells_.end()) return;
  Cell& cell = entry->second;
  auto left = events_left(world_.files, cell.spec, hub_.last_event(id));
  if (!left) options_.log(left.error().message);
  std::vector<CellEvent> events = left ? *std::move(left) : std::vector<CellEvent>{};
  const bool has_end = !events.empty() && events.back().kind == CellEventKind::ended;
  if (!has_end)
    events.push_back({.cell = id,
                      .kind = CellEventKind::ended,
                      .unix_time = world_.clock.unix_time(),
                      .end = end,
                      .message = message});
  cell.end_event = events.back().number;
  hub_.forget(id);
  // What was left stays until it is in the journal.
  if (!has_end) drop(id);
  if (listener_ == nullptr) return;
  for (const CellEvent& event : events) listener_->on_cell(event);
}

void SlurmEngine::drop(CellId id) {
  const auto entry = cells_.find(id);
  hub_.forget(id);
  ended_[id] = world_.clock.now();
  if (const auto removed = world_.files.remove(record_path(id)); !removed)
    options_.log(removed.error().message);
  world_.clock.call_in(kFilesStay,
                       alive_.guard([this, id, directory = entry->second.spec.directory] {
                         if (!cells_.contains(id))
                           remove_cell_files(world_.files, directory, options_.log);
                       }));
  cells_.erase(entry);
}

std::string SlurmEngine::record_path(CellId id) const {
  return fmt::format("{}/agents/{}", options_.state_directory, text_of(id));
}

}  // namespace bourse
