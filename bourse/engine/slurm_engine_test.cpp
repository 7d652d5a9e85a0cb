#include "bourse/engine/slurm_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bourse/engine/agent.h"
#include "bourse/engine/agent_seal.h"
#include "bourse/world/simulated_world.h"

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A Slurm of two nodes, all on one simulated machine, whose jobs are agents. It answers its
/// commands, and a helper.
class SimulatedSlurm {
 public:
  struct Job {
    std::uint64_t id = 0;
    std::string name;
    std::string state = "RUNNING";
    ProcessId agent;
  };

  explicit SimulatedSlurm(SimulatedWorld& world) : world_(world) {
    add("sinfo", [](const auto&, const auto&) {
      return std::string(
          "n1|idle|0/16/0/16|65536|0|gpu:4|gpu:0|(null)|n1|none|\n"
          "n2|idle|0/16/0/16|65536|0|gpu:4|gpu:0|(null)|n2|none|\n");
    });
    add("sbatch", [this](const auto& command, const auto& environment) {
      const std::uint64_t id =
          submit(command.at(3).substr(command.at(3).find('=') + 1), command.back(), environment);
      return is_answer_lost ? std::string() : fmt::format("{}\n", id);
    });
    add("squeue", [this](const auto& command, const auto&) { return list(command.size() > 6); });
    add("scancel", [this](const auto& command, const auto&) {
      for (std::size_t i = 2; i < command.size(); ++i) end(std::stoull(command[i]), "CANCELLED");
      return std::string();
    });
    world_.add_program("agent", run_agent);
    world_.add_program("helper", [this](SimulatedProcess& process) { return run_helper(process); });
  }

  std::uint64_t submit(const std::string& name, const std::string& script,
                       const std::vector<std::string>& environment) {
    constexpr std::string_view kMark = "'--cell' '";
    const std::size_t from = script.find(kMark) + kMark.size();
    const bool is_agent = script.find(kMark) != std::string::npos;
    jobs.push_back({.id = ++last_id_, .name = name});
    done.push_back("submit " + name);
    const auto agent = host().world().processes.spawn(
        {.command = is_agent ? std::vector<std::string>{"agent", "--cell",
                                                        script.substr(
                                                            from, script.find('\'', from) - from)}
                             : world_.add_script({.duration = kForever}),
         .environment = environment,
         .on_exit = [this, id = last_id_](ExitStatus) { end(id, "COMPLETED"); }});
    EXPECT_TRUE(agent.has_value());
    jobs.back().agent = *agent;
    return last_id_;
  }
  void end(std::uint64_t id, const std::string& state) {
    Job& job = *std::ranges::find(jobs, id, &Job::id);
    if (job.state != "RUNNING") return;
    job.state = state;
    done.push_back(fmt::format("{} {}", state, job.name));
    if (state == "CANCELLED") host().kill(job.agent);
  }

  std::vector<Job> jobs;
  std::vector<std::string> done;  ///< What happened to jobs.
  bool is_answer_lost = false;    ///< sbatch submits, and says nothing.

 private:
  using Words = std::vector<std::string>;

  SimulatedHost& host() { return world_.host("login"); }
  void add(const std::string& name,
           std::function<std::string(const Words& command, const Words& environment)> answer) {
    world_.add_program(name, [answer = std::move(answer)](SimulatedProcess& process) {
      process.write(OutputStream::standard_output,
                    answer(process.options().command, process.options().environment));
      process.exit(0);
      return nullptr;
    });
  }
  [[nodiscard]] std::string list(bool with_ended) const {
    std::string text;
    for (const Job& job : jobs)
      if (with_ended || job.state == "RUNNING")
        text += fmt::format("{}|{}|None|n1|50:00|{}\n", job.id, job.state, job.name);
    return text;
  }

  static std::shared_ptr<void> run_agent(SimulatedProcess& process) {
    const std::string path = launch_path(process.options().command.at(2));
    auto launch = parse_launch_file(process.world().files.read(path).value(), path);
    auto agent = std::make_shared<Agent>(process.world(),
                                         Agent::Options{.launch = *std::move(launch),
                                                        .on_done = [&process] { process.exit(0); },
                                                        .log = [](std::string_view) {}});
    agent->start();
    return agent;
  }

  std::shared_ptr<void> run_helper(SimulatedProcess& process) {
    auto link = std::make_shared<std::pair<std::unique_ptr<Connection>, std::string>>();
    process.world().network.connect(
        {"unix:" + process.options().command.at(2)},
        [this, &link = *link](Result<std::unique_ptr<Connection>> made) {
          link.first = *std::move(made);
          link.first->on_data([this, &link](std::string_view bytes) {
            link.second += bytes;
            for (std::size_t end = 0; (end = link.second.find('\n')) != std::string::npos;) {
              const auto request = nlohmann::json::parse(link.second.substr(0, end));
              link.second.erase(0, end + 1);
              link.first->send(answer(request).dump() + "\n");
            }
          });
          link.first->send("{\"hello\":\"helper\",\"protocol\":2,\"slurm\":\"22.05\"}\n");
        });
    return link;
  }
  nlohmann::json answer(const nlohmann::json& request) {
    nlohmann::json said{{"id", request["id"]}};
    if (request["do"] == "submit")
      said["job"] = submit(request["name"], request["script"], request["environment"]);
    if (request["do"] == "complete") end(request["job"], "COMPLETED");
    if (request["do"] == "jobs") said["jobs"] = nlohmann::json::array();
    return said;
  }

  SimulatedWorld& world_;
  std::uint64_t last_id_ = 0;
};

class SlurmEngineTest : public ::testing::Test, protected EngineListener {
 protected:
  void open(const std::string& helper = {}, const std::vector<CellSpec>& adopted = {}) {
    SlurmEngineOptions options;
    options.state_directory = "/state";
    options.agent_command = {"agent"};
    options.agents_host = "login";
    options.helper = helper;
    options.log = [this](std::string_view line) { log_.emplace_back(line); };
    auto opened = SlurmEngine::open(host_.world(), std::move(options), {node("n1"), node("n2")});
    ASSERT_TRUE(opened.has_value());
    engine_ = *std::move(opened);
    engine_->listen(*this);
    for (const CellSpec& cell : adopted) engine_->adopt(cell);
    engine_->adopted_all();
    world_.run_for(Seconds(1));
  }
  static SlurmNode node(const std::string& name) {
    SlurmNode node;
    node.name = name;
    node.states = {"idle"};
    node.cpus = 16;
    node.memory_mib = 65536;
    node.gres = {{"gpu", 4}};
    return node;
  }
  void start(CellId id, Seconds duration) {
    const std::string directory = "/state/cells/" + text_of(id);
    started_ = {.id = id,
                .token = make_cell_secret(host_.world().random),
                .directory = directory,
                .demand = {1000},
                .tasks = {{.command = world_.add_script({.duration = duration}),
                           .directory = "/state",
                           .log_file = directory + "/log"}}};
    engine_->start(started_);
  }
  /// The job of the first cell was started twice, and its second start has ended. The daemon dies;
  /// another one comes after `gap`.
  void complete_second_start(Seconds gap) {
    slurm_.jobs[0].state = "COMPLETED";
    engine_.reset();
    world_.run_for(gap);
    open({}, {started_});
  }
  void on_cell(const CellEvent& event) override {
    if (event.number != 0) engine_->acknowledge(event.cell, event.number);
    if (event.kind != CellEventKind::ended) return;
    ends_.push_back(event.end);
    if (const auto next = std::exchange(successor_, std::nullopt)) start(*next, kForever);
  }
  void on_machine(MachineId, bool, const std::string&) override {}
  [[nodiscard]] std::string name_of(std::string_view cell) const {
    const std::string& any = slurm_.jobs.front().name;
    return fmt::format("{}-{}", any.substr(0, std::string_view("bourse-01234567").size()), cell);
  }

  static constexpr CellId kFirst{.job = 1, .epoch = 1, .machine = MachineId(0U)};
  static constexpr CellId kSecond{.job = 1, .epoch = 2, .machine = MachineId(1U)};

  SimulatedWorld world_;
  SimulatedHost& host_ = world_.add_host("login");
  SimulatedSlurm slurm_{world_};
  std::vector<std::string> log_;
  std::vector<CellEnd> ends_;
  CellSpec started_;                 ///< The last.
  std::optional<CellId> successor_;  ///< Started when a cell has ended.
  std::unique_ptr<SlurmEngine> engine_;
};

TEST_F(SlurmEngineTest, RunsACellAsAJobThatEndsWithIt) {
  open();
  start(kFirst, Seconds(5));
  world_.run_for(Seconds(3));
  ASSERT_THAT(engine_->cells(), SizeIs(1));
  EXPECT_EQ(engine_->cells()[0].phase, CellPhase::running);
  EXPECT_EQ(engine_->cells()[0].host, "n1");
  world_.run_for(Seconds(10));
  EXPECT_THAT(ends_, ElementsAre(CellEnd::completed));
  EXPECT_THAT(slurm_.done,
              ElementsAre("submit " + name_of("1-1-0"), "COMPLETED " + name_of("1-1-0")));
}

// sbatch did what it was asked, but its answer did not come: the job is found by its name.
TEST_F(SlurmEngineTest, LooksForAJobBeforeItSubmitsItAgain) {
  open();
  slurm_.is_answer_lost = true;
  start(kFirst, kForever);
  world_.run_for(Seconds(30));
  EXPECT_THAT(slurm_.jobs, SizeIs(1));
  engine_->stop(kFirst, false);
  world_.run_for(Seconds(10));
  EXPECT_THAT(ends_, ElementsAre(CellEnd::stopped));
}

TEST_F(SlurmEngineTest, ToldByAPollThatSomebodyCancelledAJob) {
  open();
  start(kFirst, kForever);
  world_.run_for(Seconds(3));
  slurm_.end(slurm_.jobs[0].id, "CANCELLED");
  world_.run_for(Seconds(15));
  EXPECT_THAT(ends_, ElementsAre(CellEnd::lost));
  EXPECT_THAT(log_, IsEmpty());  // No machine is to blame.
}

TEST_F(SlurmEngineTest, CancelsJobsThatNoCellNeeds) {
  open();
  start(kFirst, Seconds(1));
  world_.run_for(Seconds(5));
  slurm_.submit(name_of("99-1-0"), "sleep", {});
  world_.run_for(Seconds(15));
  EXPECT_THAT(slurm_.done, ::testing::Contains("CANCELLED " + name_of("99-1-0")));
  EXPECT_THAT(log_, ::testing::Contains(HasSubstr("1 job of Slurm that no cell needs")));
}

// The agent dials once a second, so that some of the daemons ask Slurm before it comes.
TEST_F(SlurmEngineTest, WaitsForAnAgentWhoseJobWasStartedTwice) {
  open();
  start(kFirst, kForever);
  world_.run_for(Seconds(3));
  for (int i = 0; i < 10; ++i) {
    complete_second_start(Seconds(4 + 0.1 * i));
    world_.run_for(Seconds(30));
    ASSERT_THAT(ends_, IsEmpty()) << i;
    ASSERT_THAT(engine_->cells(), SizeIs(1));
    EXPECT_EQ(engine_->cells()[0].phase, CellPhase::running);
  }
}

// It would have ended its tasks within its lease, of 15 s.
TEST_F(SlurmEngineTest, TakesSlurmAtItsWordWhenTheLeaseIsOver) {
  open();
  start(kFirst, kForever);
  world_.run_for(Seconds(3));
  host_.kill(slurm_.jobs[0].agent);
  complete_second_start(Seconds(4));
  world_.run_for(Seconds(10));
  EXPECT_THAT(ends_, IsEmpty());
  world_.run_for(Seconds(15));
  EXPECT_THAT(ends_, ElementsAre(CellEnd::lost));
  EXPECT_THAT(log_, IsEmpty());  // No machine is to blame.
}

// By the helper Slurm ends the job, after what follows it is in the queue. By commands it leaves.
TEST_F(SlurmEngineTest, HasSlurmEndAJobOnceWhatFollowsIsSubmitted) {
  open("helper");
  EXPECT_THAT(log_, ElementsAre("helper asks Slurm 22.05 for us"));
  start(kFirst, kForever);
  world_.run_for(Seconds(3));
  successor_ = kSecond;
  engine_->stop(kFirst, false);
  world_.run_for(Seconds(5));
  EXPECT_THAT(slurm_.done, ElementsAre("submit " + name_of("1-1-0"), "submit " + name_of("1-2-1"),
                                       "COMPLETED " + name_of("1-1-0")));
  EXPECT_FALSE(host_.world().processes.is_alive(slurm_.jobs[0].agent));
  EXPECT_TRUE(host_.world().processes.is_alive(slurm_.jobs[1].agent));
}

}  // namespace
}  // namespace bourse
