#include "bourse/engine/local_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/engine/cell_files.h"

namespace bourse {
namespace {

/// How often agents that are not connected are looked at.
constexpr Seconds kWatchPause{0.1};

bool has_variable(const TaskSpec& task, std::string_view start) {
  return std::ranges::any_of(
      task.environment, [&](const std::string& variable) { return variable.starts_with(start); });
}

}  // namespace

Result<std::unique_ptr<LocalEngine>> LocalEngine::open(World& world, LocalEngineOptions options) {
  std::unique_ptr<LocalEngine> engine(new LocalEngine(world, std::move(options)));
  BOURSE_TRY_VOID(engine->set_up());
  return engine;
}

LocalEngine::LocalEngine(World& world, LocalEngineOptions options)
    : world_(world),
      options_(std::move(options)),
      host_(read_host(world.files)),
      cluster_(options_.machines ? *options_.machines : cluster_of(host_)),
      hub_(world, *this) {}

LocalEngine::~LocalEngine() { world_.clock.cancel(watch_timer_); }

Result<void> LocalEngine::set_up() {
  Files& files = world_.files;
  BOURSE_TRY_VOID(files.make_directories(options_.state_directory + "/agents"));
  BOURSE_TRY_VOID(hub_.listen({fmt::format("unix:{}/agents.sock", options_.state_directory)}));
  gpu_ = cluster_.types.find("gpu");
  cpu_ = cluster_.types.find("cpu");
  memory_ = cluster_.types.find("memory");

  // Devices are real if there are enough for all machines; else each machine plays its own.
  const ResourceVector total = cluster_.total();
  const auto units = [](Amount amount) { return static_cast<int>(amount / kAmountsPerUnit); };
  const bool are_real = gpu_ && units(total[*gpu_]) <= host_.gpu_count;
  int first = 0;
  for (std::size_t h = 0; h < cluster_.machines.size(); ++h) {
    const int count = gpu_ ? units(cluster_.capacity(MachineId(h))[*gpu_]) : 0;
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(first + i);
    gpus_.emplace_back(std::move(numbers));
    if (are_real) first += count;
  }
  if (cpu_ && units(total[*cpu_]) <= static_cast<int>(host_.cpus.size())) cpus_.emplace(host_.cpus);

  const auto own = own_cgroup(files.read("/proc/self/mountinfo").value_or(""),
                              files.read("/proc/self/cgroup").value_or(""));
  if (memory_ && own) {
    std::string name = "bourse" + options_.state_directory;
    std::ranges::replace(name, '/', '-');
    if (auto groups = CellGroups::open(files, *own, name)) groups_ = std::move(*groups);
  }
  return {};
}

std::string LocalEngine::confinement() const {
  const std::string cpu = !cpu_   ? "not asked for"
                          : cpus_ ? "by affinity"
                                  : "not confined, as machines are played with more than there are";
  const std::string memory = !memory_  ? "not asked for"
                             : groups_ ? "by cgroup, for all processes of a cell together"
                                       : "by rlimit, for each process of a cell, as no cgroup (v2) "
                                         "with memory may be written";
  return fmt::format("cpu: {}; memory: {}", cpu, memory);
}

Amount LocalEngine::demand_of(const CellSpec& cell, std::optional<std::size_t> resource) const {
  return resource && *resource < cell.demand.size() ? cell.demand[*resource] : 0;
}

Amount LocalEngine::share_of_worker(const CellSpec& cell) const {
  const auto workers = std::ranges::count(cell.tasks, TaskRole::worker, &TaskSpec::role);
  return workers == 0 ? 0 : demand_of(cell, gpu_) / workers;
}

void LocalEngine::choose_place(Cell& cell) {
  DeviceBook& gpus = gpus_[cell.spec.id.machine.index()];
  for (TaskSpec& task : cell.spec.tasks) {
    if (task.role == TaskRole::worker && task.devices.empty())
      task.devices = gpus.take(share_of_worker(cell.spec));
    if (gpu_ && task.devices.empty() && !has_variable(task, "CUDA_VISIBLE_DEVICES="))
      task.environment.emplace_back("CUDA_VISIBLE_DEVICES=");
  }
  if (cpus_) cell.confinement.cpus = cpus_->take(demand_of(cell.spec, cpu_));
  const auto memory = static_cast<std::uint64_t>(demand_of(cell.spec, memory_) / kAmountsPerUnit)
                      << 20;
  if (groups_) {
    auto group = groups_->make(text_of(cell.spec.id), memory);
    if (group) {
      cell.confinement.cgroup = *std::move(group);
      return;
    }
    options_.log(fmt::format("cell {} goes without a cgroup: {}", text_of(cell.spec.id),
                             group.error().message));
  }
  cell.confinement.memory_limit = memory;
}

void LocalEngine::book(const Cell& cell, bool is_taken) {
  const Amount share = share_of_worker(cell.spec);
  const auto change = [is_taken](DeviceBook& book, const std::vector<int>& numbers, Amount amount) {
    is_taken ? book.take(numbers, amount) : book.give_back(numbers, amount);
  };
  for (const TaskSpec& task : cell.spec.tasks)
    change(gpus_[cell.spec.id.machine.index()], task.devices, share);
  if (cpus_) change(*cpus_, cell.confinement.cpus, demand_of(cell.spec, cpu_));
}

void LocalEngine::release(Cell& cell) {
  if (std::exchange(cell.is_released, true)) return;
  book(cell, false);
  if (groups_ && !cell.confinement.cgroup.empty()) groups_->remove(cell.confinement.cgroup);
}

void LocalEngine::start(const CellSpec& spec) {
  if (cells_.contains(spec.id)) return;
  BOURSE_CHECK(spec.id.machine.index() < cluster_.machines.size());
  for (const auto& [id, other] : cells_)
    BOURSE_CHECK(id.job != spec.id.job || id.epoch == spec.id.epoch || other.is_released);
  Cell& cell = cells_.emplace(spec.id, Cell{.spec = spec}).first->second;
  choose_place(cell);
  hub_.expect(cell.spec);
  const Result<ProcessId> process = launch(cell);
  if (!process) return fail_later(spec.id, process.error().message);
  cell.process = *process;
  write_record(cell);
  watch_soon();
}

Result<ProcessId> LocalEngine::launch(Cell& cell) {
  const std::string& directory = cell.spec.directory;
  BOURSE_TRY_VOID(world_.files.make_directories(directory));
  BOURSE_TRY_VOID(write_anew(
      world_.files, launch_path(directory),
      launch_file_text(
          {.cell = cell.spec, .daemon = hub_.address(), .confinement = cell.confinement})));
  std::vector<std::string> command = options_.agent_command;
  command.insert(command.end(), {"--cell", directory});
  std::vector<std::string> environment = options_.agent_environment;
  environment.insert(environment.end(),
                     {fmt::format("BOURSE_CELL={}", text_of(cell.spec.id)), mark_of(directory)});
  return world_.processes.spawn({.command = std::move(command),
                                 .environment = std::move(environment),
                                 .output_file = agent_log_path(directory),
                                 .is_detached = true});
}

void LocalEngine::adopt(const CellSpec& spec) {
  if (cells_.contains(spec.id)) return;
  BOURSE_CHECK(spec.id.machine.index() < cluster_.machines.size());
  Cell& cell = cells_.emplace(spec.id, Cell{.spec = spec}).first->second;
  hub_.expect(spec);
  const std::string path = launch_path(spec.directory);
  const auto text = world_.files.read(path);
  const auto launch = text ? parse_launch_file(*text, path) : tl::unexpected<Error>(text.error());
  if (!launch || launch->cell.id != spec.id) {
    // We died before there was an agent, or it was half way.
    world_.clock.call_in(Seconds(0), alive_.guard([this, id = spec.id] {
      sweep(id, "the daemon ended before its agent was started");
    }));
    return;
  }
  cell.spec = launch->cell;
  cell.confinement = launch->confinement;
  book(cell, true);
  watch_soon();
  // Without one we died while it was started; it comes or it does not.
  if (const auto record = read_cell_record(world_.files, record_path(spec.id)))
    cell.process = record->process;
}

void LocalEngine::adopted_all() {
  hub_.expected_all();
  const auto names = world_.files.list(options_.state_directory + "/agents");
  if (!names) return options_.log(names.error().message);
  for (const std::string& name : *names) {
    const auto id = parse_cell_id(name);
    if (id && !cells_.contains(*id)) sweep_record(*id);
  }
}

/// Ends a cell that the journal does not know, or not any more.
void LocalEngine::sweep_record(CellId id) {
  const auto record = read_cell_record(world_.files, record_path(id));
  if (!record) {
    options_.log(fmt::format("what cell {} left cannot be found, as '{}' is damaged", text_of(id),
                             record_path(id)));
    (void)world_.files.remove(record_path(id));
    return;
  }
  if (world_.processes.with_variable(mark_of(record->directory)).empty())
    return remove_files(id, record->directory);
  options_.log(fmt::format("cell {} is not in the journal and is ended", text_of(id)));
  auto& stray = strays_[id];
  stray = std::make_unique<TreeEnd>(
      world_,
      [this, mark = mark_of(record->directory)] { return world_.processes.with_variable(mark); },
      [this, id, directory = record->directory] {
        remove_files(id, directory);
        strays_.erase(id);
      });
  stray->kill();
}

void LocalEngine::stop(CellId id, bool is_urgent) { hub_.stop(id, is_urgent); }

void LocalEngine::acknowledge(CellId id, std::uint64_t number) {
  hub_.acknowledge(id, number);
  const auto entry = cells_.find(id);
  if (entry == cells_.end()) return;
  if (entry->second.end_event != 0 && number >= entry->second.end_event) drop(id);
}

std::vector<CellStatus> LocalEngine::cells() const {
  std::vector<CellStatus> statuses = hub_.cells();
  for (CellStatus& status : statuses) status.host = host_.name;
  return statuses;
}

void LocalEngine::on_event(const CellEvent& event) {
  if (event.kind == CellEventKind::ended) {
    Cell& cell = cells_.at(event.cell);
    cell.end_event = event.number;
    release(cell);
  }
  if (listener_ != nullptr) listener_->on_cell(event);
}

void LocalEngine::on_agent(CellId id, ProcessId agent) { cells_.at(id).process = agent; }

/// watch() looks whether the agent is still there.
void LocalEngine::on_broken(CellId /*id*/) { watch_soon(); }

void LocalEngine::on_silent(CellId id) {
  sweep(id, fmt::format("its agent was not heard of for {}", to_text(cells_.at(id).spec.lease)));
}

void LocalEngine::watch_soon() {
  if (watch_timer_ == 0) watch_timer_ = world_.clock.call_in(kWatchPause, [this] { watch(); });
}

/// Agents that died are noticed at once, those that hang when their lease is over. Goes on as long
/// as there is an agent that is not connected.
void LocalEngine::watch() {
  watch_timer_ = 0;
  std::vector<CellId> gone;
  for (const auto& [id, cell] : cells_) {
    if (cell.process.pid == 0 || cell.sweep || cell.end_event != 0 || hub_.is_connected(id))
      continue;
    watch_soon();
    if (!world_.processes.is_alive(cell.process)) gone.push_back(id);
  }
  for (const CellId id : gone) sweep(id, "its agent was killed or could not start");
}

void LocalEngine::sweep(CellId id, const std::string& reason) {
  const auto entry = cells_.find(id);
  if (entry == cells_.end() || entry->second.sweep) return;
  Cell& cell = entry->second;
  hub_.give_up(id);
  if (groups_ && !cell.confinement.cgroup.empty()) groups_->kill(cell.confinement.cgroup);
  cell.sweep = std::make_unique<TreeEnd>(
      world_,
      [this, mark = mark_of(cell.spec.directory)] { return world_.processes.with_variable(mark); },
      [this, id, reason] { on_swept(id, reason); });
  cell.sweep->kill();
}

/// Nothing of the cell runs any more. What its agent could not deliver is told first.
void LocalEngine::on_swept(CellId id, const std::string& reason) {
  Cell& cell = cells_.at(id);
  std::vector<CellEvent> events = left_events(cell);
  const bool has_end = !events.empty() && events.back().kind == CellEventKind::ended;
  if (!has_end)
    events.push_back({.cell = id,
                      .kind = CellEventKind::ended,
                      .unix_time = world_.clock.unix_time(),
                      .end = CellEnd::lost,
                      .message = reason});
  cell.end_event = events.back().number;
  release(cell);
  hub_.forget(id);
  // What was left stays until it is in the journal.
  if (!has_end) drop(id);
  if (listener_ == nullptr) return;
  for (const CellEvent& event : events) listener_->on_cell(event);
}

std::vector<CellEvent> LocalEngine::left_events(const Cell& cell) {
  auto events = events_left(world_.files, cell.spec, hub_.last_event(cell.spec.id));
  if (!events) options_.log(events.error().message);
  return events ? *std::move(events) : std::vector<CellEvent>{};
}

void LocalEngine::fail_later(CellId id, std::string message) {
  world_.clock.call_in(Seconds(0), alive_.guard([this, id, message = std::move(message)] {
    if (!cells_.contains(id)) return;
    drop(id);
    if (listener_ != nullptr)
      listener_->on_cell({.cell = id,
                          .kind = CellEventKind::ended,
                          .unix_time = world_.clock.unix_time(),
                          .end = CellEnd::failed,
                          .message = message});
  }));
}

void LocalEngine::drop(CellId id) {
  const auto entry = cells_.find(id);
  release(entry->second);
  hub_.forget(id);
  world_.clock.call_in(options_.files_stay,
                       alive_.guard([this, id, directory = entry->second.spec.directory] {
                         if (!cells_.contains(id)) remove_files(id, directory);
                       }));
  cells_.erase(entry);
}

std::string LocalEngine::record_path(CellId id) const {
  return fmt::format("{}/agents/{}", options_.state_directory, text_of(id));
}

/// By it the next life of the daemon finds what we started.
void LocalEngine::write_record(const Cell& cell) {
  const auto written =
      write_cell_record(world_.files, record_path(cell.spec.id),
                        {.directory = cell.spec.directory, .process = cell.process});
  if (!written) options_.log(written.error().message);
}

void LocalEngine::remove_files(CellId id, const std::string& cell_directory) {
  if (const auto removed = world_.files.remove(record_path(id)); !removed)
    options_.log(removed.error().message);
  remove_cell_files(world_.files, cell_directory, options_.log);
}

}  // namespace bourse
