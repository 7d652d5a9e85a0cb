#include "tests/faults/programs.h"

#include <fmt/core.h>

#include <csignal>
#include <optional>
#include <utility>

#include "bourse/engine/agent.h"
#include "bourse/engine/launch_file.h"
#include "bourse/service/members.h"
#include "bourse/service/sqlite.h"

namespace bourse::faults {

/// Between the service and its engine: nothing is asked for that is not in the journal, as another
/// reader of the database sees it.
class DaemonProgram::WatchedEngine final : public Engine, private EngineListener {
 public:
  WatchedEngine(Engine& engine, Witness& witness) : engine_(engine), witness_(witness) {}

  Result<void> open(const std::string& path, const char* vfs) {
    BOURSE_TRY(journal_, Database::open(path, vfs));
    cell_.emplace(
        journal_->prepare("SELECT token, is_stopping, has_started FROM cells WHERE job=? "
                          "AND epoch=? AND machine=? AND part=?"));
    job_.emplace(journal_->prepare("SELECT phase, epoch, reason FROM jobs WHERE number=?"));
    return journal_->status();
  }

  /// What the journal says of a job.
  std::optional<JobView> journaled(JobNumber number) {
    job_->bind(1, static_cast<std::int64_t>(number));
    std::optional<JobView> view;
    if (job_->step())
      view = JobView{.number = number,
                     .phase = static_cast<JobPhase>(job_->integer(0)),
                     .reason = job_->text(2),
                     .epoch = static_cast<std::uint32_t>(job_->integer(1))};
    job_->reset();
    return view;
  }

  [[nodiscard]] const Cluster& cluster() const override { return engine_.cluster(); }
  void listen(EngineListener& listener) override {
    listener_ = &listener;
    engine_.listen(*this);
  }
  void start(const CellSpec& cell) override {
    const auto row = find(cell.id);
    if (is_readable() && (!row || row->token != cell.token))
      witness_.violate(fmt::format("cell {} is started without an entry", text_of(cell.id)));
    witness_.say(fmt::format("cell {} is started", text_of(cell.id)));
    engine_.start(cell);
  }
  void adopt(const CellSpec& cell) override {
    witness_.say(fmt::format("cell {} is adopted", text_of(cell.id)));
    engine_.adopt(cell);
  }
  void adopted_all() override { engine_.adopted_all(); }
  void stop(CellId cell, bool is_urgent) override {
    const auto row = find(cell);
    if (is_readable() && row && !row->is_stopping)
      witness_.violate(fmt::format("cell {} is stopped without an entry", text_of(cell)));
    witness_.say(fmt::format("cell {} is stopped", text_of(cell)));
    engine_.stop(cell, is_urgent);
  }
  void acknowledge(CellId cell, std::uint64_t number) override {
    const auto kind = told_.find({cell, number});
    const auto row = find(cell);
    if (is_readable() && kind != told_.end() && row) {
      if (kind->second == CellEventKind::ended)
        witness_.violate(fmt::format("the end of cell {} is not journaled", text_of(cell)));
      if (kind->second == CellEventKind::started && !row->has_started)
        witness_.violate(fmt::format("the start of cell {} is not journaled", text_of(cell)));
    }
    engine_.acknowledge(cell, number);
  }
  [[nodiscard]] std::string host_of(MachineId machine) const override {
    return engine_.host_of(machine);
  }
  [[nodiscard]] std::vector<CellStatus> cells() const override { return engine_.cells(); }
  [[nodiscard]] std::string confinement() const override { return engine_.confinement(); }

 private:
  struct Row {
    std::string token;
    bool is_stopping = false;
    bool has_started = false;
  };
  /// A process that dies while it acts reads nothing any more.
  [[nodiscard]] bool is_readable() const { return journal_ && journal_->status().has_value(); }

  std::optional<Row> find(CellId id) {
    if (!cell_) return std::nullopt;
    cell_->bind(1, static_cast<std::int64_t>(id.job))
        .bind(2, std::int64_t{id.epoch})
        .bind(3, std::int64_t{id.machine.value})
        .bind(4, std::int64_t{id.part});
    std::optional<Row> row;
    if (cell_->step()) row = Row{cell_->text(0), cell_->integer(1) != 0, cell_->integer(2) != 0};
    cell_->reset();
    return row;
  }

  void on_cell(const CellEvent& event) override {
    if (event.number != 0) told_[{event.cell, event.number}] = event.kind;
    listener_->on_cell(event);
  }
  void on_machine(MachineId machine, bool is_up, const std::string& reason) override {
    listener_->on_machine(machine, is_up, reason);
  }

  Engine& engine_;
  Witness& witness_;
  EngineListener* listener_ = nullptr;
  std::unique_ptr<Database> journal_;
  std::optional<Statement> cell_;
  std::optional<Statement> job_;
  std::map<std::pair<CellId, std::uint64_t>, CellEventKind> told_;
};

DaemonProgram::DaemonProgram(SimulatedProcess& process, const DaemonOptions& options,
                             Witness& witness)
    : life_(process.life()) {
  const Result<void> started = start(process, options, witness);
  witness.say(started ? "the daemon is up" : "the daemon cannot start: " + started.error().message);
  if (started) return;
  service_.reset();
  process.exit(1);
}

DaemonProgram::~DaemonProgram() = default;

Result<void> DaemonProgram::start(SimulatedProcess& process, const DaemonOptions& options,
                                  Witness& witness) {
  World& world = process.world();
  BOURSE_TRY_VOID(world.files.make_directories(options.directory));
  BOURSE_TRY(lock_, world.files.lock(options.directory + "/lock"));
  BOURSE_TRY(const Cluster machines, parse_cluster_short_form(options.machines));
  BOURSE_TRY(local_, LocalEngine::open(world, {.machines = machines,
                                               .state_directory = options.directory,
                                               .agent_command = {"agent"},
                                               .log = [&witness](std::string_view sentence) {
                                                 witness.say("engine: " + std::string(sentence));
                                               }}));
  engine_ = std::make_unique<WatchedEngine>(*local_, witness);
  ServiceOptions service;
  service.directory = options.directory;
  service.make_policy = [&options] { return make_policy(options.policy, options.settings, {}); };
  service.lease = options.lease;
  service.longest_retry = Seconds(10);
  service.decide_within = options.decide_within;
  service.on_fatal = [&process, &witness](const Error& error) {
    witness.say("the daemon gives up: " + error.message);
    process.exit(1);
  };
  BOURSE_TRY(service_, Service::open(world, *engine_, std::move(service)));
  BOURSE_TRY_VOID(engine_->open(options.directory + "/bourse.db", world.files.sqlite_vfs()));
  service_->on_change([this, &witness] {
    if (*life_)
      witness.look(*service_, [this](JobNumber number) { return engine_->journaled(number); });
  });
  if (*life_) witness.look_at_all(*service_);
  return {};
}

namespace {

constexpr Seconds kToSave{0.2};
constexpr double kStepsBetweenSaves = 4;

/// One task. See add_programs.
class TrainProgram {
 public:
  TrainProgram(SimulatedProcess& process, Witness& witness)
      : process_(process),
        witness_(witness),
        job_(std::stoull(process.variable("BOURSE_JOB"))),
        self_{.task = process.variable("BOURSE_TASK"),
              .cell = parse_cell_id(process.variable("BOURSE_CELL")).value()},
        all_(std::stod(process.options().command.at(1))),
        kind_(process.options().command.at(2)),
        step_(std::stod(process.options().command.at(3))) {
    witness_.began(self_);
    check_members();
    process_.on_signal(SIGTERM, [this] { terminate(); });
    if (kind_ == "parent")
      (void)process_.spawn({.command = {"child"}, .environment = process_.options().environment});
    step();
  }
  ~TrainProgram() { witness_.ended(self_); }
  TrainProgram(const TrainProgram&) = delete;
  TrainProgram& operator=(const TrainProgram&) = delete;

 private:
  [[nodiscard]] std::string path(const char* name) const {
    return process_.variable("BOURSE_CHECKPOINT") + "/" + name;
  }
  Files& files() { return process_.world().files; }
  void after(Seconds delay, std::function<void()> call) {
    process_.world().clock.call_in(delay, std::move(call));
  }

  /// The list that a task finds when it starts is never of another epoch.
  void check_members() {
    const std::string list = process_.variable("BOURSE_MEMBERS");
    if (list.empty()) return;
    const std::string text = files().read(list).value_or("");
    if (text.find(fmt::format("\"epoch\": {},", self_.cell.epoch)) == std::string::npos)
      witness_.violate(fmt::format("{} of job {} is told of {}", self_.task, job_, text));
  }

  /// Workers, and our rank among them.
  struct Place {
    int rank = 0;
    double workers = 1;
  };
  Place place() {
    Place place{.rank = std::stoi(process_.variable("RANK")),
                .workers = std::stod(process_.variable("BOURSE_WORKERS"))};
    const std::string list = process_.variable("BOURSE_MEMBERS");
    if (list.empty()) return place;
    const std::string text = files().read(list).value_or("");
    if (const auto listed = listed_members(text))
      place.workers = static_cast<double>(listed->count);
    const auto at = text.find(fmt::format("\"{}\"", self_.task));
    const auto rank = text.find("\"rank\": ", at);
    if (at != std::string::npos && rank != std::string::npos)
      place.rank = std::stoi(text.substr(rank + 8));
    return place;
  }

  void step() {
    if (is_ending_) return;
    if (files().exists(path("done"))) {
      witness_.completed(job_);  // The write may have been made and have said that it failed.
      return process_.exit(0);
    }
    if (kind_ == "frail" && process_.world().random.bits() % 12 == 0) return process_.exit(3);
    if (kind_ == "flood")
      process_.write(OutputStream::standard_output, std::string(20'000, 'x') + "\n");
    const Place here = place();
    if (here.rank == 0) train(here.workers);
    after(step_, [this] { step(); });
  }

  void train(double workers) {
    if (!done_) {
      // Nothing is done before the first step.
      done_ = std::stod(files().read(path("saved")).value_or("0"));
    } else {
      done_ = std::min(all_, *done_ + workers * step_.value * (kind_ == "slow" ? 0.6 : 1.0));
    }
    if (*done_ >= all_) return complete();
    const bool saves = ++steps_ >= kStepsBetweenSaves && save();
    if (saves) steps_ = 0;
    report(saves);
  }

  bool save() { return files().write(path("saved"), fmt::format("{}", *done_)).has_value(); }

  /// The disk may be full: it is tried again with the next step.
  void complete() {
    if (!save() || !files().write(path("done"), "")) return;
    report(true);
    witness_.completed(job_);
  }

  void report(bool is_saved) {
    if (kind_ == "mute") return;
    process_.write_to_fifo(process_.variable("BOURSE_PROGRESS"),
                           fmt::format("{{\"samples\": {}, \"checkpointed\": {}}}\n", *done_,
                                       is_saved ? "true" : "false"));
  }

  void terminate() {
    if (kind_ == "stubborn" || is_ending_) return;
    is_ending_ = true;
    after(kToSave, [this] {
      if (done_ && place().rank == 0 && save()) report(true);
      process_.exit(0);
    });
  }

  SimulatedProcess& process_;
  Witness& witness_;
  JobNumber job_;
  RunningTask self_;
  double all_;
  std::string kind_;
  Seconds step_;
  std::optional<double> done_;  ///< Known to rank 0.
  double steps_ = 0;
  bool is_ending_ = false;
};

/// Lives until it is killed.
class ChildProgram {
 public:
  ChildProgram(SimulatedProcess& process, Witness& witness)
      : witness_(witness), job_(std::stoull(process.variable("BOURSE_JOB"))) {
    witness_.child(job_, +1);
    process.on_signal(SIGTERM, [] {});
  }
  ~ChildProgram() { witness_.child(job_, -1); }
  ChildProgram(const ChildProgram&) = delete;
  ChildProgram& operator=(const ChildProgram&) = delete;

 private:
  Witness& witness_;
  JobNumber job_;
};

/// The agent of a cell, without its warden.
class AgentProgram {
 public:
  AgentProgram(SimulatedProcess& process, ProcessId warden, Witness& witness) {
    const std::string path = launch_path(process.options().command.at(2));
    const auto text = process.world().files.read(path);
    auto launch = text ? parse_launch_file(*text, path) : tl::unexpected<Error>(text.error());
    if (!launch) {
      witness.say("agent: " + launch.error().message);
      process.exit(1);
      return;
    }
    agent_.emplace(process.world(), Agent::Options{.launch = *std::move(launch),
                                                   .warden = warden,
                                                   .on_done = [&process] { process.exit(0); },
                                                   .log = [](std::string_view) {}});
    process.on_signal(SIGTERM, [this] { agent_->terminate(); });
    agent_->start();
  }

 private:
  std::optional<Agent> agent_;
};

/// What apps/agent/warden.cpp does: it outlives the agent by as long as it takes to end all that
/// the agent has left.
class WardenProgram {
 public:
  explicit WardenProgram(SimulatedProcess& process) : process_(process) {
    process.adopt_orphans();
    std::vector<std::string> command = process.options().command;
    command[0] = "agent-itself";
    command.push_back(fmt::format("{}", process.self().pid));
    command.push_back(fmt::format("{}", process.self().started));
    const auto agent = process.spawn({.command = command,
                                      .environment = process.options().environment,
                                      .on_exit = [this](ExitStatus status) {
                                        status_ =
                                            status.signal != 0 ? 128 + status.signal : status.code;
                                        end_all();
                                      }});
    if (agent)
      process.on_signal(SIGTERM, [this, child = *agent] { process_.signal(child, SIGTERM); });
    else
      process.exit(1);
  }

 private:
  void end_all() {
    const std::vector<ProcessId> left = process_.descendants(process_.self());
    if (left.empty()) return process_.exit(status_);
    for (const ProcessId one : left) process_.signal(one, SIGKILL);
    process_.world().clock.call_in(Seconds(0.005), [this] { end_all(); });
  }

  SimulatedProcess& process_;
  int status_ = 0;
};

}  // namespace

void add_programs(SimulatedWorld& world, Witness& witness) {
  world.add_program("train", [&witness](SimulatedProcess& process) {
    return std::make_shared<TrainProgram>(process, witness);
  });
  world.add_program("child", [&witness](SimulatedProcess& process) {
    return std::make_shared<ChildProgram>(process, witness);
  });
  world.add_program(
      "agent", [](SimulatedProcess& process) { return std::make_shared<WardenProgram>(process); });
  world.add_program("agent-itself", [&witness](SimulatedProcess& process) {
    const std::vector<std::string>& command = process.options().command;
    const ProcessId warden{.pid = std::stoi(command.at(3)), .started = std::stoull(command.at(4))};
    return std::make_shared<AgentProgram>(process, warden, witness);
  });
}

}  // namespace bourse::faults
