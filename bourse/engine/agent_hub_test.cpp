#include "bourse/engine/agent_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/engine/fixtures.h"
#include "bourse/world/real_files.h"
#include "bourse/world/real_random.h"

namespace bourse {
namespace {

using ::testing::ElementsAre;
using testing::FarEnd;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr CellId kCell{.job = 1, .epoch = 2, .machine = MachineId(0U)};
constexpr CellId kOld{.job = 1, .epoch = 1, .machine = MachineId(0U)};

/// The hub starts no process.
class NoProcesses final : public Processes {
 public:
  [[nodiscard]] Result<ProcessId> spawn(ProcessOptions) override {
    return fail(ErrorCode::unavailable, "none");
  }
  void signal(ProcessId, int) override {}
  [[nodiscard]] bool is_alive(ProcessId) const override { return false; }
  [[nodiscard]] std::vector<ProcessId> descendants(ProcessId) const override { return {}; }
  [[nodiscard]] std::vector<ProcessId> with_variable(std::string_view) const override { return {}; }
  [[nodiscard]] ProcessId self() const override { return {}; }
  void adopt_orphans() override {}
};

class AgentHubTest : public ::testing::Test, protected AgentHubListener {
 protected:
  AgentHubTest() {
    EXPECT_TRUE(hub_.listen({"unix:/hub"}).has_value());
    hub_.expect({.id = kCell, .token = "secret", .grace = Seconds(5), .lease = Seconds(10)});
  }

  void on_event(const CellEvent& event) override { numbers_.push_back(event.number); }
  void on_agent(CellId, ProcessId) override {}
  void on_broken(CellId cell) override { broken_.push_back(cell); }
  void on_silent(CellId cell) override { silent_.push_back(cell); }
  void on_note(const std::string& sentence) override { notes_.push_back(sentence); }

  std::shared_ptr<FarEnd> hello(CellId cell, const std::string& token, std::int32_t pid = 7) {
    auto agent = network_.connect();
    agent->say(AgentHello{.cell = cell, .token = token, .agent = {.pid = pid, .started = 1}});
    return agent;
  }
  static CellEvent event(std::uint64_t number, CellEventKind kind = CellEventKind::progress) {
    return {.cell = kCell, .number = number, .kind = kind, .task = "worker-0"};
  }
  template <class Message>
  static bool was_told(FarEnd& agent) {
    const auto messages = agent.take();
    return messages.size() == 1 && std::holds_alternative<Message>(messages[0]);
  }

  ManualClock clock_;
  testing::ManualNetwork network_;
  RealRandom random_;
  RealFiles files_;
  NoProcesses processes_;
  World world_{clock_, random_, files_, processes_, network_};
  std::vector<std::uint64_t> numbers_;
  std::vector<CellId> broken_;
  std::vector<CellId> silent_;
  std::vector<std::string> notes_;
  AgentHub hub_{world_, *this};
};

TEST_F(AgentHubTest, LetsAnAgentGoThatKnowsTheToken) {
  const auto agent = hello(kCell, "secret");
  EXPECT_TRUE(was_told<AgentGo>(*agent));
  EXPECT_TRUE(hub_.is_connected(kCell));
}

TEST_F(AgentHubTest, CutsOffWhoDoesNotKnowTheToken) {
  const auto agent = hello(kCell, "secreT");
  EXPECT_TRUE(agent->is_closed);
  EXPECT_EQ(agent->received, "");
  EXPECT_THAT(notes_, ElementsAre("an agent is cut off: it does not know the token of cell 1-2-0"));
}

TEST_F(AgentHubTest, EndsAgentsOfCellsThatAreNotCurrent) {
  const auto early = hello(kOld, "secret");
  EXPECT_TRUE(early->is_closed);  // It may yet be expected: come again.
  hub_.expected_all();
  const auto late = hello(kOld, "secret");
  EXPECT_TRUE(was_told<AgentEnd>(*late));
  hub_.forget(kCell);
  const auto forgotten = hello(kCell, "secret");
  EXPECT_TRUE(was_told<AgentEnd>(*forgotten));
  clock_.advance(Seconds(11));
  EXPECT_TRUE(late->is_closed && forgotten->is_closed);
}

TEST_F(AgentHubTest, EndsASecondAgentOfACell) {
  const auto first = hello(kCell, "secret", 7);
  const auto second = hello(kCell, "secret", 8);
  EXPECT_TRUE(was_told<AgentEnd>(*second));
  EXPECT_FALSE(first->is_closed);
  const auto again = hello(kCell, "secret", 7);  // Its first connection broke unnoticed.
  EXPECT_TRUE(was_told<AgentGo>(*again));
  EXPECT_TRUE(first->is_closed);
}

// What somebody would try who has heard an agent, or was one: docs/security.md.
TEST_F(AgentHubTest, ForgedEpochsAndReplayedMessagesChangeNothing) {
  hub_.expected_all();
  const auto agent = hello(kCell, "secret");
  agent->say(event(1, CellEventKind::started));
  agent->take();
  // An epoch to come, with the token of the present one, and the token of another cell.
  constexpr CellId kNext{.job = 1, .epoch = 3, .machine = MachineId(0U)};
  EXPECT_TRUE(was_told<AgentEnd>(*hello(kNext, "secret")));
  hub_.expect({.id = kNext, .token = "other", .grace = Seconds(5), .lease = Seconds(10)});
  EXPECT_TRUE(hello(kNext, "secret")->is_closed);
  EXPECT_TRUE(hello(kCell, "other")->is_closed);
  EXPECT_FALSE(hub_.is_connected(kNext));
  // Messages again: an event, and the end of an earlier life of it.
  agent->say(event(1, CellEventKind::started));
  agent->say(event(1, CellEventKind::ended));
  EXPECT_THAT(numbers_, ElementsAre(1));
  EXPECT_TRUE(hub_.is_connected(kCell));
  // One that knows its own cell tells of another.
  CellEvent forged = event(2, CellEventKind::ended);
  forged.cell = kNext;
  agent->say(forged);
  EXPECT_TRUE(agent->is_closed);
  EXPECT_THAT(numbers_, ElementsAre(1));
  EXPECT_THAT(notes_, SizeIs(3));
}

TEST_F(AgentHubTest, LetsNoOtherAgentTakeUpWhatTheFirstBegan) {
  const auto first = hello(kCell, "secret", 7);
  first->on_close({ErrorCode::unavailable, "it was killed"});
  EXPECT_THAT(broken_, ElementsAre(kCell));
  const auto second = hello(kCell, "secret", 8);  // A batch system started it again.
  EXPECT_TRUE(was_told<AgentEnd>(*second));
  const auto again = hello(kCell, "secret", 7);
  EXPECT_TRUE(was_told<AgentGo>(*again));
}

TEST_F(AgentHubTest, KnowsTheAgentOfAnEarlierLife) {
  hub_.forget(kCell);
  hub_.expect({.id = kCell, .token = "secret", .lease = Seconds(10)},
              {.agent = {.pid = 7, .started = 1}});
  EXPECT_TRUE(was_told<AgentEnd>(*hello(kCell, "secret", 8)));
  EXPECT_TRUE(was_told<AgentGo>(*hello(kCell, "secret", 7)));
}

TEST_F(AgentHubTest, HasPatienceWithAnAgentThatQueues) {
  hub_.forget(kCell);
  hub_.expect({.id = kCell, .token = "secret", .lease = Seconds(10)}, {.patience = Seconds(60)});
  clock_.advance(Seconds(70));
  EXPECT_THAT(silent_, IsEmpty());
  EXPECT_EQ(hub_.cells().at(0).heard_of, Seconds(10));
  const auto agent = hello(kCell, "secret");
  clock_.advance(Seconds(13));  // From its hello on its lease counts, as ever.
  EXPECT_THAT(silent_, ElementsAre(kCell));
}

TEST_F(AgentHubTest, TellsEveryEventOnceAndInOrder) {
  const auto agent = hello(kCell, "secret");
  for (const std::uint64_t number : {1U, 2U, 2U, 1U, 3U}) agent->say(event(number));
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3));
  agent->say(event(5));
  EXPECT_TRUE(agent->is_closed);
  EXPECT_THAT(notes_, ElementsAre("an agent is cut off: it told event 5 after event 3"));
  EXPECT_THAT(broken_, ElementsAre(kCell));
}

TEST_F(AgentHubTest, TakesUpWhereAnEarlierDaemonLeft) {
  const auto agent = hello(kCell, "secret");
  agent->say(event(8));
  agent->say(event(9));
  EXPECT_THAT(numbers_, ElementsAre(8, 9));
  agent->take();
  hub_.acknowledge(kCell, 9);
  EXPECT_TRUE(was_told<AgentAcknowledge>(*agent));
}

TEST_F(AgentHubTest, CutsOffWhoSpeaksNonsense) {
  const auto agent = network_.connect();
  agent->on_data("GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(agent->is_closed);
  const auto quiet = network_.connect();
  quiet->say(AgentHeartbeat{});
  EXPECT_TRUE(quiet->is_closed);
  const auto daemon = hello(kCell, "secret");
  daemon->say(AgentGo{});
  EXPECT_TRUE(daemon->is_closed);
  EXPECT_THAT(notes_, SizeIs(3));
}

TEST_F(AgentHubTest, PassesOnAStopToAnAgentThatComesLater) {
  hub_.stop(kCell, false);
  const auto agent = hello(kCell, "secret");
  EXPECT_TRUE(was_told<AgentStop>(*agent));
  hub_.stop(kCell, false);
  EXPECT_THAT(agent->take(), IsEmpty());  // Asked twice.
  hub_.stop(kCell, true);
  const auto messages = agent->take();
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_TRUE(std::get<AgentStop>(messages[0]).is_urgent);
}

TEST_F(AgentHubTest, EchoesHeartbeatsAndMissesThem) {
  const auto agent = hello(kCell, "secret");
  agent->take();
  clock_.advance(Seconds(9));
  agent->say(AgentHeartbeat{Seconds(123)});
  const auto messages = agent->take();
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(std::get<AgentHeartbeat>(messages[0]).sent, Seconds(123));
  clock_.advance(Seconds(11.5));  // The lease is 10 s, and a fifth on top.
  EXPECT_THAT(silent_, IsEmpty());
  clock_.advance(Seconds(1));
  EXPECT_THAT(silent_, ElementsAre(kCell));
  clock_.advance(Seconds(60));
  EXPECT_THAT(silent_, SizeIs(1));
  const auto late = hello(kCell, "secret");
  EXPECT_TRUE(was_told<AgentEnd>(*late));
}

TEST_F(AgentHubTest, KnowsThePhaseOfACell) {
  EXPECT_EQ(hub_.cells().at(0).phase, CellPhase::starting);
  const auto agent = hello(kCell, "secret");
  agent->say(event(1, CellEventKind::started));
  EXPECT_EQ(hub_.cells().at(0).phase, CellPhase::running);
  hub_.stop(kCell, false);
  EXPECT_EQ(hub_.cells().at(0).phase, CellPhase::stopping);
  agent->say(event(2, CellEventKind::ended));
  EXPECT_THAT(hub_.cells(), IsEmpty());
}

}  // namespace
}  // namespace bourse
