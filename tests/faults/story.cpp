#include "tests/faults/story.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace bourse::faults {
namespace {

constexpr Seconds kLease{4};
constexpr int kGpus = 2;
/// When nothing goes wrong any more, all jobs end by then.
constexpr Seconds kPatience{3600};

/// One world with one machine, which plays several, and a daemon that is started again.
class Stage {
 public:
  Stage(const SimulatedWorldOptions& world, DaemonOptions options, int gpus, bool is_told)
      : daemon_options_(std::move(options)),
        random_(world.seed, Purpose::test),
        witness_({.now = [this] { return world_.now(); },
                  .is_told = is_told,
                  .capacity = gpus,
                  .lease = daemon_options_.lease}),
        world_(world),
        host_(world_.add_host("here")) {
    add_programs(world_, witness_);
    world_.add_program("daemon", [this](SimulatedProcess& process) {
      auto daemon = std::make_shared<DaemonProgram>(process, daemon_options_, witness_);
      if (daemon->is_up()) {
        daemon_ = daemon;
        witness_.daemon_is(true);
      }
      return daemon;
    });
  }

  [[nodiscard]] Witness& witness() { return witness_; }
  [[nodiscard]] SimulatedWorld& world() { return world_; }
  [[nodiscard]] SimulatedHost& host() { return host_; }
  [[nodiscard]] RandomStream& random() { return random_; }
  [[nodiscard]] ProcessId daemon_process() const { return daemon_process_; }
  [[nodiscard]] int chance(int count) { return static_cast<int>(random_.integer(0, count - 1)); }

  /// Null while no daemon is up.
  [[nodiscard]] Service* service() {
    const auto daemon = daemon_.lock();
    return daemon && daemon->is_alive() ? &daemon->service() : nullptr;
  }

  /// Lets time pass until it holds, or something is violated.
  bool pass_until(const std::function<bool()>& holds, Seconds longest) {
    return world_.run_until(
        [&] {
          look();
          return witness_.violation() || holds();
        },
        longest);
  }
  void pass(Seconds time) {
    const Seconds end = world_.now() + time;
    while (!witness_.violation() && world_.now() < end)
      pass_until([] { return false; }, std::min(Seconds(1), end - world_.now()));
  }

  /// Jobs that come together: they are answered when all are committed.
  void submit(const std::vector<std::string>& texts, Promised promised) {
    Service* const service = this->service();
    if (service == nullptr) return;
    witness_.tries(promised);
    std::vector<Result<JobView>> jobs;
    const Result<void> done = service->together([&] {
      for (const std::string& text : texts)
        jobs.push_back(service->submit({.text = text, .directory = "/"}));
    });
    // Who dies has answered nobody.
    if (this->service() == nullptr) return;
    if (!done) return witness_.say("submissions are refused: " + done.error().message);
    for (const Result<JobView>& job : jobs)
      if (job)
        witness_.accepted(job->number, promised);
      else
        witness_.say("a submission is refused: " + job.error().message);
  }

  /// Until all jobs have ended and nothing is left of them.
  void end() {
    // In steps, as a world in which nothing happens starts no daemon.
    const Seconds last = world_.now() + kPatience;
    while (!witness_.violation() && world_.now() < last &&
           !(service() != nullptr && witness_.have_all_ended()))
      pass_until([&] { return service() != nullptr && witness_.have_all_ended(); }, Seconds(1));
    if (!witness_.violation() && !witness_.have_all_ended())
      witness_.violate(fmt::format("job {} does not end", witness_.living().front()));
    pass(kLease * 4);
    if (!witness_.violation() && host_.processes().size() > (service() != nullptr ? 1U : 0U))
      witness_.violate("processes are left when all jobs have ended");
    if (Service* const service = this->service()) witness_.look_back(*service);
  }

  [[nodiscard]] Outcome outcome(int disasters) {
    return {.violation = witness_.violation(),
            .jobs = witness_.accepted_count(),
            .disasters = disasters,
            .events = world_.event_count(),
            .changes = host_.disk().changes()};
  }

 private:
  /// As a supervisor of services does, the daemon is started again a while after it ended.
  void look() {
    witness_.tick();
    if (!host_.is_up() || host_.world().processes.is_alive(daemon_process_)) return;
    witness_.daemon_is(false);
    if (!start_at_) {
      start_at_ = is_first_ ? world_.now() : world_.now() + restart_pause();
      is_first_ = false;
    }
    if (world_.now() < *start_at_) return;
    start_at_.reset();
    daemon_process_ = host_.world().processes.spawn({.command = {"daemon"}}).value_or(ProcessId{});
  }

  /// Mostly soon, sometimes after the lease.
  Seconds restart_pause() {
    return Seconds(chance(4) == 0 ? random_.uniform(0, 2.5 * kLease.value)
                                  : random_.uniform(0, 0.5));
  }

  DaemonOptions daemon_options_;
  RandomStream random_;
  Witness witness_;
  SimulatedWorld world_;
  SimulatedHost& host_;
  std::weak_ptr<DaemonProgram> daemon_;
  ProcessId daemon_process_;
  std::optional<Seconds> start_at_;
  bool is_first_ = true;
};

struct JobKind {
  std::string program = "good";
  double samples = 10;
  int shape = 0;        ///< 0: a gang of 2; 1: 1 to 4 workers, restarted; 2: the same, in place.
  double deadline = 0;  ///< Seconds; 0: none.
  double step = 1;      ///< Seconds between reports.
};

std::string text_of(const JobKind& kind) {
  const char* const elastic = kind.shape == 2 ? "elastic: in-place\n" : "";
  std::string text = fmt::format(
      "name: j\nworkers:\n  command: [train, '{}', {}, '{}']\n  {}\n  resources: {{gpu: 1}}\n"
      "work: {{samples: {}, duration: {}s}}\nretries: {}\ngrace: 1s\nrestart_cost: 1s\n{}",
      kind.samples, kind.program, kind.step, kind.shape == 0 ? "count: 2" : "min: 1\n  max: 4",
      kind.samples, kind.samples / (kind.shape == 0 ? 2 : 1), kind.program == "frail" ? 6 : 1000,
      elastic);
  if (kind.deadline > 0)
    text += fmt::format("deadline: {}s\nvalue: 10\nlate_value: 1\n", kind.deadline);
  return text;
}

/// A story that the seed writes.
class Story {
 public:
  Story(std::uint64_t seed, bool is_told)
      : Story(RandomStream(seed, Purpose::test, 1), seed, is_told) {}

  Outcome tell() {
    stage_.pass(Seconds(0.1));
    const int disasters = 4 + stage_.chance(10);
    for (int i = 0; i < disasters && !stage_.witness().violation(); ++i) {
      for (int jobs = stage_.chance(3); jobs > 0; --jobs) submit();
      stage_.pass(Seconds(stage_.random().uniform(0, 4)));
      go_wrong();
      stage_.pass(Seconds(stage_.random().uniform(0, 3)));
    }
    calm_down();
    stage_.end();
    return stage_.outcome(disasters);
  }

 private:
  Story(RandomStream random, std::uint64_t seed, bool is_told)
      : policy_(pick_policy(random)),
        machines_(2 + static_cast<int>(random.integer(0, 2))),
        // Braces: what is drawn is drawn in this order with every compiler.
        stage_{weather(random, seed),
               {.machines = fmt::format("{}x{}", machines_, kGpus),
                .policy = policy_,
                .settings = settings_of(policy_),
                .lease = kLease,
                .decide_within = Seconds(random.integer(0, 2) == 0 ? 0 : 0.005)},
               kGpus,
               is_told} {}

  static std::string pick_policy(RandomStream& random) {
    constexpr const char* kPolicies[] = {"pd-ors", "pd-ors", "drf", "drf", "fifo", "srtf"};
    return kPolicies[random.integer(0, std::ssize(kPolicies) - 1)];
  }
  static Settings settings_of(const std::string& policy) {
    if (policy == "pd-ors") return {{"slot", "2s"}, {"on-decline", "wait"}};
    return {};
  }
  static SimulatedWorldOptions weather(RandomStream& random, std::uint64_t seed) {
    SimulatedWorldOptions options{.seed = seed};
    if (random.integer(0, 2) == 0) options.delay_max = Seconds(random.uniform(0.01, 0.5));
    if (random.integer(0, 2) == 0)
      options.piece_max = static_cast<std::uint64_t>(random.integer(1, 200));
    if (random.integer(0, 2) == 0) options.cut_probability = random.uniform(0, 0.02);
    if (random.integer(0, 2) == 0) options.disk_fault_probability = random.uniform(0, 0.003);
    options.start_max = Seconds(random.uniform(0.001, 0.2));
    return options;
  }

  void submit() {
    constexpr const char* kPrograms[] = {"good", "good",  "good",   "good",     "slow",
                                         "mute", "frail", "parent", "stubborn", "flood"};
    JobKind kind;
    kind.program = kPrograms[stage_.chance(std::ssize(kPrograms))];
    kind.samples = static_cast<double>(2 + stage_.chance(24));
    kind.shape = stage_.chance(3);
    if (stage_.chance(3) == 0) kind.deadline = static_cast<double>(5 + stage_.chance(60));
    const std::vector<std::string> texts(1 + static_cast<std::size_t>(stage_.chance(2)),
                                         text_of(kind));
    stage_.submit(texts, {.may_fail = kind.program == "frail", .may_decline = policy_ == "pd-ors"});
  }

  void go_wrong();
  void kill_one();
  void kill_machine();
  void plan_fault();
  void crash();
  void cancel();
  void drain();
  void change_weather();
  void fill_disk();
  void calm_down();

  std::string policy_;
  int machines_;
  Stage stage_;
};

void Story::go_wrong() {
  Witness& witness = stage_.witness();
  switch (stage_.chance(13)) {
    case 0:
    case 1:
      witness.say("the daemon is killed");
      return stage_.host().kill(stage_.daemon_process());
    case 2:
    case 3:
      return plan_fault();
    case 4:
      return crash();
    case 5:
      witness.say("connections are cut");
      return stage_.world().cut_connections("here", "here");
    case 6:
      return cancel();
    case 7:
      return kill_machine();
    case 8:
      return drain();
    case 9: {
      const double jump = stage_.random().uniform(-5000, 5000);
      witness.say(fmt::format("the clock jumps by {:.0f} s", jump));
      return stage_.host().jump_clock(Seconds(jump));
    }
    case 10:
      return change_weather();
    case 11:
      return fill_disk();
    default:
      return kill_one();
  }
}

/// An agent, a warden, a task, a child, or the daemon.
void Story::kill_one() {
  const std::vector<ProcessId> processes = stage_.host().processes();
  if (processes.empty()) return;
  const ProcessId one =
      processes[static_cast<std::size_t>(stage_.chance(static_cast<int>(processes.size())))];
  stage_.witness().say(fmt::format("process {} is killed", one.pid));
  stage_.host().kill(one);
}

/// Agents, wardens and tasks of all cells of one of the machines that are played.
void Story::kill_machine() {
  Service* const service = stage_.service();
  if (service == nullptr) return;
  const int machine = stage_.chance(machines_);
  stage_.witness().say(fmt::format("all on machine {} is killed", machine));
  const std::vector<MachineView> machines = service->machines();
  for (const JobNumber job : machines[static_cast<std::size_t>(machine)].jobs) {
    const auto view = service->job(job);
    if (!view) continue;
    for (int part = 0; part <= 8; ++part) {
      const CellId cell{job, view->job.epoch, MachineId(static_cast<std::size_t>(machine)),
                        static_cast<std::uint32_t>(part)};
      const std::string mark =
          fmt::format("BOURSE_CELL_DIRECTORY=/state/jobs/{}/cells/{}", job, bourse::text_of(cell));
      for (const ProcessId process : stage_.host().world().processes.with_variable(mark))
        stage_.host().kill(process);
    }
  }
}

/// In the midst of one of the next changes of the disk.
void Story::plan_fault() {
  constexpr DiskFault kOneOf[] = {DiskFault::error, DiskFault::full, DiskFault::torn,
                                  DiskFault::crash_before, DiskFault::crash_after};
  DiskFaultPlan plan{.change = 1 + static_cast<std::uint64_t>(stage_.chance(40)),
                     .fault = kOneOf[stage_.chance(std::ssize(kOneOf))],
                     .then = nullptr};
  stage_.witness().say(fmt::format("change {} of the disk from now on goes wrong ({})", plan.change,
                                   static_cast<int>(plan.fault)));
  if (plan.fault == DiskFault::crash_before || plan.fault == DiskFault::crash_after)
    plan.then = [this, is_power = stage_.chance(2) == 0] {
      if (is_power)
        crash();
      else
        stage_.host().kill(stage_.daemon_process());
    };
  stage_.host().disk().plan(std::move(plan));
}

void Story::crash() {
  stage_.witness().say("the power fails");
  stage_.host().crash();
  stage_.host().start();
}

void Story::cancel() {
  Service* const service = stage_.service();
  const std::vector<JobNumber> living = stage_.witness().living();
  if (service == nullptr || living.empty()) return;
  const JobNumber job =
      living[static_cast<std::size_t>(stage_.chance(static_cast<int>(living.size())))];
  // It may be in the journal even if the answer says no.
  stage_.witness().cancelled(job);
  (void)service->cancel(job);
}

void Story::drain() {
  Service* const service = stage_.service();
  if (service == nullptr) return;
  const std::vector<MachineView> machines = service->machines();
  const MachineView& machine = machines[static_cast<std::size_t>(stage_.chance(machines_))];
  (void)service->drain(machine.name, machine.state == "up", "a drill");
}

void Story::change_weather() {
  const Seconds delay(stage_.chance(2) == 0 ? 0.005 : stage_.random().uniform(0.1, 6));
  stage_.witness().say(fmt::format("messages take up to {:.3f} s", delay.value));
  stage_.world().set_delay_max(delay);
}

void Story::fill_disk() {
  SimulatedDisk& disk = stage_.host().disk();
  const bool is_full = stage_.chance(2) == 0;
  stage_.witness().say(is_full ? "the disk is full" : "the disk has room");
  disk.set_capacity(is_full ? disk.used() + static_cast<std::uint64_t>(stage_.chance(50'000))
                            : UINT64_MAX);
}

void Story::calm_down() {
  stage_.witness().say("from now on all goes well");
  stage_.world().set_delay_max(Seconds(0.005));
  stage_.world().set_cut_probability(0);
  stage_.host().disk().set_fault_probability(0);
  stage_.host().disk().set_capacity(UINT64_MAX);
  stage_.host().disk().forget_plans();
  const auto is_up = [this] { return stage_.service() != nullptr; };
  while (!stage_.witness().violation() && !is_up()) stage_.pass(Seconds(0.5));
  if (!is_up()) return;
  const std::vector<MachineView> machines = stage_.service()->machines();
  for (const MachineView& machine : machines)
    if (machine.state != "up") (void)stage_.service()->drain(machine.name, false, "");
}

}  // namespace

Outcome tell_story(std::uint64_t seed, bool is_told) { return Story(seed, is_told).tell(); }

Outcome tell_quiet_story(PlannedFault fault, bool is_told) {
  Stage stage({.seed = 1}, {.machines = "2x2", .policy = "drf", .settings = {}, .lease = kLease},
              kGpus, is_told);
  if (fault.change > 0) {
    DiskFaultPlan plan{.change = fault.change, .fault = fault.fault, .then = nullptr};
    if (fault.fault == DiskFault::crash_before || fault.fault == DiskFault::crash_after)
      plan.then = [&stage, fault] {
        stage.witness().say("a crash");
        if (!fault.is_power_cut) return stage.host().kill(stage.daemon_process());
        stage.host().crash();
        stage.host().start();
      };
    stage.host().disk().plan(std::move(plan));
  }
  const auto is_up = [&stage] { return stage.service() != nullptr; };
  for (int i = 0; i < 6; ++i) {
    stage.pass_until(is_up, Seconds(60));
    stage.submit({text_of({.samples = 4, .shape = i % 3})}, {});
    stage.pass(Seconds(0.7));
  }
  if (is_up()) {
    stage.witness().cancelled(5);
    (void)stage.service()->cancel(5);
  }
  stage.pass(Seconds(1));
  stage.end();
  return stage.outcome(1);
}

Outcome tell_days(double days, int jobs_per_day, const std::string& machines, bool is_told) {
  Stage stage({.seed = 1, .piece_min = 1460},
              {.machines = machines,
               .policy = "pd-ors",
               .settings = {{"slot", "1min"}, {"on-decline", "wait"}},
               .lease = Seconds(15)},
              4, is_told);
  stage.pass(Seconds(1));
  const int jobs = static_cast<int>(days * jobs_per_day);
  for (int i = 0; i < jobs && !stage.witness().violation(); ++i) {
    stage.submit({text_of({.samples = static_cast<double>(120 + stage.chance(3000)),
                           .shape = stage.chance(2),
                           .step = 60})},
                 {.may_decline = true});
    stage.pass(Seconds(stage.random().exponential(86'400.0 / jobs_per_day)));
  }
  stage.end();
  return stage.outcome(0);
}

}  // namespace bourse::faults
