// What becomes of cells when daemon, agent or warden die.
#include "tests/engines/local_fixture.h"

namespace bourse::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// A task with children of all sorts, some of which nothing but SIGKILL ends.
constexpr const char* kStubborn =
    "trap '' TERM; sleep 1000 & (setsid sh -c 'trap \"\" TERM; sleep 1001 & sleep 1002' &); "
    "echo ready; while :; do sleep 1; done";

class LocalEngineCrashTest : public LocalEngineTest {
 protected:
  /// Warden and agent of a cell, in this order.
  std::vector<ProcessId> agents_of(const CellSpec& spec) {
    std::vector<ProcessId> agents;
    for (const ProcessId process : left(spec)) {
      const auto command =
          world().files.read("/proc/" + std::to_string(process.pid) + "/cmdline").value_or("");
      if (command.find("--cell") != std::string::npos) agents.push_back(process);
    }
    if (agents.size() == 2 && !is_child(agents[1], agents[0])) std::swap(agents[0], agents[1]);
    return agents;
  }
  bool is_child(ProcessId child, ProcessId parent) {
    return std::ranges::count(world().processes.descendants(parent), child) != 0;
  }

  void adopt(const CellSpec& spec) {
    engine().adopt(spec);
    engine().adopted_all();
  }
};

TEST_F(LocalEngineCrashTest, ADeadAgentTakesAllWithIt) {
  const CellSpec spec = cell(1, kStubborn);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  world().processes.signal(agents_of(spec).at(1), SIGKILL);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::lost);
  EXPECT_EQ(end->message, "its agent was killed or could not start");
  EXPECT_EQ(end->number, 0U);
  EXPECT_THAT(left(spec), IsEmpty());  // Before its end is told.
  EXPECT_THAT(engine().cells(), IsEmpty());
}

TEST_F(LocalEngineCrashTest, ADeadAgentTakesAllWithItWithoutADaemon) {
  const CellSpec spec = cell(1, kStubborn);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  close_engine();
  world().processes.signal(agents_of(spec).at(1), SIGKILL);
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
}

TEST_F(LocalEngineCrashTest, ADeadWardenEndsTheCell) {
  CellSpec spec = cell(1, kStubborn);
  spec.lease = Seconds(10);  // The agent looks five times a lease.
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  world().processes.signal(agents_of(spec).at(0), SIGKILL);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::lost);
  EXPECT_EQ(end->message, "the process that watches over its agent was killed");
  acknowledge_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
}

// As Slurm does to a job that somebody cancels; the task ends well before its agent knows why.
TEST_F(LocalEngineCrashTest, ASignalToAllProcessesIsNoEndOfTheJob) {
  close_engine();
  agent_environment_.emplace_back("SLURM_JOB_ID=1");
  open_engine();
  const CellSpec spec = cell(1, "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done");
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  const std::vector<ProcessId> agents = agents_of(spec);
  world().processes.signal(agents.at(1), SIGSTOP);
  for (const ProcessId process : left(spec))
    if (std::ranges::count(agents, process) == 0) world().processes.signal(process, SIGTERM);
  ASSERT_TRUE(until([&] { return left(spec).size() == agents.size(); }));
  world().processes.signal(agents.at(1), SIGTERM);
  world().processes.signal(agents.at(1), SIGCONT);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::ended)->end, CellEnd::lost);
  acknowledge_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
}

TEST_F(LocalEngineCrashTest, WardenAndAgentKilledTogetherAreSwept) {
  const CellSpec spec = cell(1, kStubborn);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  for (const ProcessId process : agents_of(spec)) world().processes.signal(process, SIGKILL);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_THAT(left(spec), IsEmpty());
}

TEST_F(LocalEngineCrashTest, AHangingAgentIsLostAfterItsLease) {
  CellSpec spec = cell(1, "echo ready; exec sleep 1000");
  spec.lease = Seconds(1);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  for (const ProcessId process : agents_of(spec)) world().processes.signal(process, SIGSTOP);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::lost);
  EXPECT_THAT(end->message, HasSubstr("its agent was not heard of for 1s"));
  EXPECT_THAT(left(spec), IsEmpty());
}

TEST_F(LocalEngineCrashTest, EndsAllWhenTheDaemonIsGoneForLongerThanTheLease) {
  CellSpec spec = cell(1, kStubborn);
  spec.lease = Seconds(1);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  close_engine();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
  recorder_.events.clear();
  open_engine();
  adopt(spec);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::lost);
  EXPECT_THAT(end->message, HasSubstr("the daemon was not reached for 1s"));
  EXPECT_NE(end->number, 0U);
  acknowledge_all();
  ASSERT_TRUE(until([&] { return !world().files.exists(spec.directory); }));
}

TEST_F(LocalEngineCrashTest, TellsLaterWhatWasDoneWhileTheDaemonWasGoneForLong) {
  CellSpec spec = cell(1, "echo ready; while [ ! -e go ]; do sleep 0.01; done; echo done");
  spec.lease = Seconds(2);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  close_engine();
  ASSERT_TRUE(world().files.append(directory_ + "/go", "").has_value());
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
  recorder_.events.clear();
  open_engine();
  adopt(spec);
  ASSERT_TRUE(until_ended(spec.id));
  if (log_of(spec.id).find("done") == std::string::npos) GTEST_SKIP() << "too slow a machine";
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::ended)->end, CellEnd::completed);
  EXPECT_THAT(engine().cells(), IsEmpty());
}

TEST_F(LocalEngineCrashTest, GoesOnWithADaemonThatComesBackWithinTheLease) {
  CellSpec spec = cell(1,
                       "echo started; n=0; while [ ! -e go ]; do n=$((n + 1)); "
                       "echo \"step $n\"; sleep 0.02; done");
  spec.tasks[0].progress_pattern = "step (?P<step>\\d+)";
  engine().start(spec);
  // As a journal: what was not acknowledged comes again and is known by its number.
  std::vector<std::uint64_t> numbers;
  const auto write_journal = [&] {
    for (const CellEvent& event : recorder_.events)
      if (numbers.empty() || event.number > numbers.back()) numbers.push_back(event.number);
  };
  for (int life = 0; life < 3; ++life) {
    const std::size_t enough = numbers.size() + 3;
    ASSERT_TRUE(until([&] {
      write_journal();
      if (numbers.size() >= enough) return true;
      if (!numbers.empty()) engine().acknowledge(spec.id, numbers.back());
      return false;
    }));
    EXPECT_THAT(left(spec), Not(IsEmpty()));
    close_engine();
    recorder_.events.clear();
    open_engine();
    adopt(spec);
  }
  ASSERT_TRUE(world().files.append(directory_ + "/go", "").has_value());
  ASSERT_TRUE(until([&] {
    write_journal();
    acknowledge_all();
    return recorder_.has(spec.id, CellEventKind::ended);
  }));
  write_journal();
  for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], i + 1);
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::ended)->end, CellEnd::completed);
  const std::string log = log_of(spec.id);
  EXPECT_EQ(log.find("started"), log.rfind("started"));  // It ran once.
}

TEST_F(LocalEngineCrashTest, EndsCellsThatTheJournalDoesNotKnow) {
  const CellSpec spec = cell(1, kStubborn);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  close_engine();
  recorder_.events.clear();
  open_engine();
  engine().adopted_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
  EXPECT_THAT(recorder_.events, IsEmpty());
  ASSERT_TRUE(until([&] { return !world().files.exists(spec.directory); }));
}

TEST_F(LocalEngineCrashTest, LosesACellWhoseAgentWasNeverStarted) {
  const CellSpec spec = cell(1, "true");
  adopt(spec);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.events[0].end, CellEnd::lost);
  EXPECT_EQ(recorder_.events[0].message, "the daemon ended before its agent was started");
}

TEST_F(LocalEngineCrashTest, RemembersDevicesOverALifeOfTheDaemon) {
  const std::string script = "echo [$CUDA_VISIBLE_DEVICES]; exec sleep 1000";
  const CellSpec first = cell(1, script);
  const CellSpec second = cell(2, script);
  engine().start(first);
  engine().start(second);
  ASSERT_TRUE(until_logged(first.id, "[0]"));
  ASSERT_TRUE(until_logged(second.id, "[1]"));
  close_engine();
  open_engine();
  engine().adopt(second);  // As the journal has it: without devices.
  engine().adopted_all();
  const CellSpec third = cell(3, script);
  engine().start(third);
  ASSERT_TRUE(until_logged(third.id, "[0]"));
}

}  // namespace
}  // namespace bourse::testing
