// The daemon, its engine, agents and tasks, all in a seeded world that kills them, cuts their
// connections and takes the power away. The code is the one that runs outside.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "bourse/base/random.h"
#include "bourse/engine/agent.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/local_engine.h"
#include "bourse/policy/registry.h"
#include "bourse/service/service.h"
#include "bourse/world/simulated_host.h"
#include "bourse/world/simulated_process.h"
#include "bourse/world/simulated_world.h"

namespace bourse {
namespace {

constexpr Seconds kLease{4};
constexpr int kGpusOfMachine = 2;

/// What tasks do, and whether it is what they may.
struct Witness {
  std::map<std::string, int> running;                   ///< By job and task.
  std::map<std::string, std::multiset<int>> epochs_of;  ///< Of the tasks that run, by job.
  std::map<MachineId, int> on_machine;                  ///< Tasks that run.
  std::set<std::string> finished;                       ///< Jobs that the daemon said are finished.
  int joined = 0;  ///< Tasks that started while others of their job ran.
};

/// Trains for as many seconds as its argument says, and returns 0.
class TrainProgram {
 public:
  TrainProgram(SimulatedProcess& process, Witness& witness)
      : witness_(witness),
        job_(process.variable("BOURSE_JOB")),
        key_(job_ + "/" + process.variable("BOURSE_TASK")),
        cell_(parse_cell_id(process.variable("BOURSE_CELL")).value()) {
    EXPECT_EQ(++witness_.running[key_], 1) << key_ << " runs twice";
    EXPECT_LE(++witness_.on_machine[cell_.machine], kGpusOfMachine) << "at " << key_;
    std::multiset<int>& epochs = witness_.epochs_of[job_];
    epochs.insert(static_cast<int>(cell_.epoch));
    EXPECT_EQ(*epochs.begin(), *epochs.rbegin()) << job_ << " runs in two epochs";
    if (const std::string list = process.variable("BOURSE_MEMBERS"); !list.empty()) {
      // It is not in it if it is removed while it starts; but the list is never of another epoch.
      const std::string text = process.world().files.read(list).value_or("");
      const std::string epoch = fmt::format("\"epoch\": {},", cell_.epoch);
      EXPECT_NE(text.find(epoch), std::string::npos) << key_ << " is told of " << text;
      if (text.find("\"generation\": 1,") == std::string::npos && epochs.size() > 1)
        ++witness_.joined;
    }
    EXPECT_FALSE(witness_.finished.contains(job_)) << job_ << " runs after it has finished";
    process.world().clock.call_in(Seconds(std::stod(process.options().command.at(1))),
                                  [&process] { process.exit(0); });
  }
  ~TrainProgram() {
    --witness_.running[key_];
    --witness_.on_machine[cell_.machine];
    std::multiset<int>& epochs = witness_.epochs_of[job_];
    epochs.erase(epochs.find(static_cast<int>(cell_.epoch)));
  }
  TrainProgram(const TrainProgram&) = delete;
  TrainProgram& operator=(const TrainProgram&) = delete;

 private:
  Witness& witness_;
  std::string job_;
  std::string key_;
  CellId cell_;
};

class AgentProgram {
 public:
  explicit AgentProgram(SimulatedProcess& process) {
    const std::string path = launch_path(process.options().command.at(2));
    const auto text = process.world().files.read(path);
    auto launch = text ? parse_launch_file(*text, path) : tl::unexpected<Error>(text.error());
    if (!launch) {
      process.exit(1);
      return;
    }
    agent_.emplace(process.world(), Agent::Options{.launch = *std::move(launch),
                                                   .on_done = [&process] { process.exit(0); },
                                                   .log = [](std::string_view) {}});
    process.on_signal(SIGTERM, [this] { agent_->terminate(); });
    agent_->start();
  }

 private:
  std::optional<Agent> agent_;
};

/// The heart of `bourse serve`.
class DaemonProgram {
 public:
  DaemonProgram(SimulatedProcess& process, DaemonProgram*& current) : current_(current) {
    auto engine =
        LocalEngine::open(process.world(), {.machines = parse_cluster_short_form("3x2").value(),
                                            .state_directory = "/state",
                                            .agent_command = {"agent"}});
    if (!engine) {
      process.exit(1);
      return;
    }
    engine_ = *std::move(engine);
    ServiceOptions options;
    options.directory = "/state";
    options.make_policy = [] { return make_policy("drf", {}, {}); };
    options.lease = kLease;
    options.on_fatal = [&process](const Error&) { process.exit(1); };
    auto service = Service::open(process.world(), *engine_, std::move(options));
    if (!service) {
      process.exit(1);
      return;
    }
    service_ = *std::move(service);
    current_ = this;
  }
  ~DaemonProgram() {
    if (current_ == this) current_ = nullptr;
  }
  DaemonProgram(const DaemonProgram&) = delete;
  DaemonProgram& operator=(const DaemonProgram&) = delete;
  [[nodiscard]] Service& service() { return *service_; }

 private:
  DaemonProgram*& current_;
  std::unique_ptr<LocalEngine> engine_;
  std::unique_ptr<Service> service_;
};

class Story {
 public:
  explicit Story(std::uint64_t seed)
      : random_(seed, Purpose::test), world_({.seed = seed}), host_(world_.add_host("here")) {
    world_.add_program("train", [this](SimulatedProcess& process) {
      return std::make_shared<TrainProgram>(process, witness_);
    });
    world_.add_program(
        "agent", [](SimulatedProcess& process) { return std::make_shared<AgentProgram>(process); });
    world_.add_program("daemon", [this](SimulatedProcess& process) {
      return std::make_shared<DaemonProgram>(process, daemon_);
    });
    start_daemon();
  }

  /// Submits jobs while things go wrong, then lets it go right until all have ended.
  void run(int faults) {
    for (int i = 0; i < faults; ++i) {
      submit();
      world_.run_for(Seconds(random_.uniform(0.2, 4)));
      go_wrong();
      world_.run_for(Seconds(random_.uniform(0, 2)));
      if (daemon_ == nullptr) start_daemon();
    }
    const bool all_end = world_.run_until(
        [this] {
          if (daemon_ == nullptr && !is_starting()) start_daemon();
          return have_all_ended();
        },
        Seconds(600));
    EXPECT_TRUE(all_end) << "after 10 minutes some job has not ended";
    world_.run_for(kLease * 3);
    EXPECT_EQ(host_.processes().size(), daemon_ == nullptr ? 0U : 1U) << "tasks are left";
  }

  [[nodiscard]] std::size_t submitted() const { return taken_.size(); }
  [[nodiscard]] int joined() const { return witness_.joined; }

 private:
  void start_daemon() {
    const auto process = host_.world().processes.spawn({.command = {"daemon"}});
    daemon_process_ = process.value_or(ProcessId{});
    world_.run_for(Seconds(0.1));
  }
  [[nodiscard]] bool is_starting() { return host_.world().processes.is_alive(daemon_process_); }

  void submit() {
    if (daemon_ == nullptr) return;
    const std::int64_t kind = random_.integer(0, 2);
    const std::string size = kind == 0 ? "count: 2" : "min: 1\n  max: 4";
    const auto job = daemon_->service().submit(
        {.text = fmt::format("name: j\nworkers:\n  command: [train, '{}']\n  {}\n"
                             "  resources: {{gpu: 1}}\nwork: {{duration: 5s}}\nretries: 1000\n"
                             "grace: 1s\n{}",
                             random_.integer(1, 6), size, kind == 2 ? "elastic: in-place\n" : ""),
         .directory = "/"});
    if (job && daemon_ != nullptr && is_starting()) taken_.push_back(job->number);
  }

  void go_wrong() {
    const std::vector<ProcessId> processes = host_.processes();
    switch (random_.integer(0, 5)) {
      case 0:
        return host_.kill(daemon_process_);
      case 1:  // In the midst of a change of the disk.
        return host_.disk().plan(
            {.change = static_cast<std::uint64_t>(random_.integer(1, 30)),
             .fault = random_.integer(0, 1) == 0 ? DiskFault::crash_before : DiskFault::crash_after,
             .then = [this] { host_.kill(daemon_process_); }});
      case 2:
        host_.crash();
        host_.start();
        return;
      case 3:
        return world_.cut_connections("here", "here");
      case 4:
        if (daemon_ != nullptr && !taken_.empty()) (void)daemon_->service().cancel(taken_.back());
        return;
      default:  // An agent, a task, or the daemon.
        if (processes.empty()) return;
        return host_.kill(processes[static_cast<std::size_t>(
            random_.integer(0, static_cast<std::int64_t>(processes.size()) - 1))]);
    }
  }

  /// Looks at all jobs; those that are said to have finished must not run again.
  [[nodiscard]] bool have_all_ended() {
    if (daemon_ == nullptr) return false;
    bool all = true;
    for (const JobNumber number : taken_) {
      const auto job = daemon_->service().job(number);
      if (!job) return false;
      EXPECT_NE(job->job.phase, JobPhase::failed);
      if (job->job.phase == JobPhase::finished) witness_.finished.insert(std::to_string(number));
      all &= is_end(job->job.phase);
    }
    return all;
  }

  Witness witness_;
  DaemonProgram* daemon_ = nullptr;
  RandomStream random_;
  SimulatedWorld world_;
  SimulatedHost& host_;
  ProcessId daemon_process_;
  std::vector<JobNumber> taken_;  ///< Submitted, and said to be.
};

TEST(SimulatedService, LosesNoJobAndRunsNoneTwiceWhateverGoesWrong) {
  std::size_t jobs = 0;
  int joined = 0;
  // 229: after a restart the policy gives two jobs the room that it would take from a third.
  for (const std::uint64_t seed : {1U, 2U, 3U, 229U}) {
    SCOPED_TRACE(seed);
    Story story(seed);
    story.run(12);
    jobs += story.submitted();
    joined += story.joined();
  }
  EXPECT_GT(jobs, 20U);
  EXPECT_GT(joined, 5);
}

}  // namespace
}  // namespace bourse
