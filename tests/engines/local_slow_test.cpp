// The local engine with real agents and real processes.
#include "tests/engines/local_fixture.h"

namespace bourse::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<CellEventKind> kinds_of(const std::vector<CellEvent>& events) {
  std::vector<CellEventKind> kinds;
  for (const CellEvent& event : events) kinds.push_back(event.kind);
  return kinds;
}

TEST_F(LocalEngineTest, RunsACellToItsEndAndCleansUp) {
  const CellSpec spec = cell(1, "echo out; echo err >&2; echo $CUDA_VISIBLE_DEVICES $BOURSE_CELL");
  engine().start(spec);
  engine().start(spec);  // Asked twice, done once.
  EXPECT_THAT(engine().cells(), SizeIs(1));
  ASSERT_TRUE(until_ended(spec.id));
  using enum CellEventKind;
  EXPECT_THAT(kinds_of(recorder_.events), ElementsAre(started, task_ended, ended));
  EXPECT_EQ(recorder_.events[1].task, "worker-0");
  EXPECT_TRUE(recorder_.events[1].status.is_success());
  EXPECT_EQ(recorder_.events[2].end, CellEnd::completed);
  EXPECT_EQ(recorder_.events[2].message, "");
  EXPECT_EQ(recorder_.events[2].number, 3U);
  EXPECT_THAT(log_of(spec.id), HasSubstr("out\n"));
  EXPECT_THAT(log_of(spec.id), HasSubstr("err\n"));
  EXPECT_THAT(log_of(spec.id), HasSubstr("0 1-1-0\n"));
  EXPECT_THAT(engine().cells(), IsEmpty());
  acknowledge_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
  ASSERT_TRUE(until([&] { return !world().files.exists(spec.directory); }));
  EXPECT_FALSE(world().files.exists(directory_ + "/agents/1-1-0"));
}

TEST_F(LocalEngineTest, SaysThatACommandDoesNotExist) {
  CellSpec spec = cell(1, "");
  spec.tasks[0].command = {"no-such-program", "x"};
  engine().start(spec);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::failed);
  EXPECT_EQ(end->message,
            "worker-0: cannot start 'no-such-program': no such program, or its interpreter is "
            "missing");
  EXPECT_FALSE(recorder_.has(spec.id, CellEventKind::started));
  EXPECT_THAT(log_of(spec.id), HasSubstr("bourse: cannot start 'no-such-program'"));
}

TEST_F(LocalEngineTest, SaysHowATaskFailedAndEndsTheOthers) {
  CellSpec spec = cell(1, "echo waits; exec sleep 1000");
  add_task(spec, "echo loading; echo 'no module named torch' >&2; exit 3");
  engine().start(spec);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::failed);
  EXPECT_EQ(end->message,
            "worker-1 ended with exit status 3; its last line: no module named torch");
  acknowledge_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
}

TEST_F(LocalEngineTest, EndsWhatForkedAwayAndSaysSo) {
  const CellSpec spec = cell(1, "setsid sh -c '(sleep 1000 &) ; sleep 1001 &'");
  engine().start(spec);
  ASSERT_TRUE(until_ended(spec.id));
  const CellEvent* const end = recorder_.find(spec.id, CellEventKind::ended);
  EXPECT_EQ(end->end, CellEnd::completed);
  EXPECT_THAT(end->message, HasSubstr("behind, which were ended"));
  acknowledge_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
}

TEST_F(LocalEngineTest, LetsATaskSaveBeforeItEnds) {
  const CellSpec spec = cell(1,
                             "trap 'echo saved; exit 0' TERM; echo ready; "
                             "while :; do sleep 0.01; done");
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  engine().stop(spec.id, false);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::ended)->end, CellEnd::stopped);
  EXPECT_THAT(log_of(spec.id), HasSubstr("saved"));
}

TEST_F(LocalEngineTest, KillsWhatIgnoresSigtermOnceTheGraceIsOver) {
  CellSpec spec = cell(1, "trap '' TERM; (trap '' TERM; sleep 1000) & echo ready; sleep 1001");
  spec.grace = Seconds(0.2);
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  engine().stop(spec.id, false);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::task_ended)->status.signal, SIGKILL);
  acknowledge_all();
  ASSERT_TRUE(until([&] { return left(spec).empty(); }));
}

TEST_F(LocalEngineTest, KillsAtOnceWhenUrgent) {
  const CellSpec spec = cell(1, "trap '' TERM; echo ready; while :; do sleep 1; done");
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "ready"));
  engine().stop(spec.id, false);  // Grace: a minute.
  engine().stop(spec.id, true);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::ended)->end, CellEnd::stopped);
}

TEST_F(LocalEngineTest, StopsACellWhoseAgentIsNotThereYet) {
  const CellSpec spec = cell(1, "echo started; sleep 1000");
  engine().start(spec);
  engine().stop(spec.id, false);
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.find(spec.id, CellEventKind::ended)->end, CellEnd::stopped);
  EXPECT_EQ(log_of(spec.id), "");
}

TEST_F(LocalEngineTest, KeepsTheEndOfAFloodAndStaysSmall) {
  CellSpec spec = cell(1, "yes 'a line of output' | head -c 30000000; echo last; exec sleep 1000");
  spec.log_size = 1 << 20;
  engine().start(spec);
  ASSERT_TRUE(until_logged(spec.id, "last"));
  EXPECT_LE(world().files.size(log_path(spec.id)).value(), spec.log_size);
  EXPECT_EQ(world().files.size(log_path(spec.id) + ".1").value(), spec.log_size);
}

TEST_F(LocalEngineTest, TellsProgressFromThePipeAndFromOutput) {
  CellSpec spec = cell(1,
                       "echo 'nonsense' > $BOURSE_PROGRESS;"
                       "echo '{\"samples\": 10, \"checkpointed\": true}' > $BOURSE_PROGRESS");
  spec.tasks[0].fifo = directory_ + "/progress";
  spec.tasks[0].environment.push_back("BOURSE_PROGRESS=" + spec.tasks[0].fifo);
  add_task(spec, "echo 'step 20 loss 0.5'");
  spec.tasks[1].progress_pattern = "step (?P<step>\\d+) loss (?P<loss>\\S+)";
  engine().start(spec);
  ASSERT_TRUE(until_ended(spec.id));
  std::map<std::string, ProgressReport> progress;
  for (const CellEvent& event : recorder_.events)
    if (event.kind == CellEventKind::progress) progress[event.task] = event.progress;
  EXPECT_EQ(progress["worker-0"].samples, 10);
  EXPECT_EQ(progress["worker-0"].checkpointed, true);
  EXPECT_EQ(progress["worker-1"].samples, 20);
  EXPECT_EQ(progress["worker-1"].loss, 0.5);
  EXPECT_THAT(log_of(spec.id), HasSubstr("bourse: a line of progress was left out"));
}

TEST_F(LocalEngineTest, SaysThatTheAgentCouldNotBeStarted) {
  close_engine();
  auto engine = LocalEngine::open(world(), {.machines = parse_cluster_short_form("1x1").value(),
                                            .state_directory = directory_,
                                            .agent_command = {"/nonexistent/bourse"}});
  ASSERT_TRUE(engine.has_value());
  (*engine)->listen(recorder_);
  const CellSpec spec = cell(1, "true");
  (*engine)->start(spec);
  EXPECT_THAT(recorder_.events, IsEmpty());  // Never from within the call.
  ASSERT_TRUE(until_ended(spec.id));
  EXPECT_EQ(recorder_.events[0].end, CellEnd::failed);
  EXPECT_THAT(recorder_.events[0].message, HasSubstr("cannot start '/nonexistent/bourse'"));
  EXPECT_THAT((*engine)->cells(), IsEmpty());
}

TEST_F(LocalEngineTest, IsAloneInItsStateDirectory) {
  const auto second = LocalEngine::open(world(), {.state_directory = directory_});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::already_exists);
}

}  // namespace
}  // namespace bourse::testing
