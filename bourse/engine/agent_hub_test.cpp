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
const std::string kSecret = "proved-0123456789abcdef";
const std::string kOther = "proved-fedcba9876543210";
constexpr CellId kOld{.job = 1, .epoch = 1, .machine = MachineId(0U)};

class AgentHubTest : public ::testing::Test, protected AgentHubListener {
 protected:
  AgentHubTest() {
    EXPECT_TRUE(hub_.listen({"unix:/hub"}).has_value());
    hub_.expect({.id = kCell, .token = kSecret, .grace = Seconds(5), .lease = Seconds(10)});
  }

  void on_event(const CellEvent& event) override { numbers_.push_back(event.number); }
  void on_agent(CellId, ProcessId) override {}
  void on_broken(CellId cell) override { broken_.push_back(cell); }
  void on_silent(CellId cell) override { silent_.push_back(cell); }
  void on_note(const std::string& sentence) override { notes_.push_back(sentence); }

  static AgentHello hello_of(CellId cell, std::int32_t pid = 7) {
    return {.cell = cell, .agent = {.pid = pid, .started = 1}};
  }
  std::shared_ptr<FarEnd> hello(CellId cell, const std::string& token, std::int32_t pid = 7) {
    auto agent = network_.connect();
    testing::knock(*agent, cell, token);
    if (agent->seal) agent->say(hello_of(cell, pid));
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
  testing::NoProcesses processes_;
  World world_{clock_, random_, files_, processes_, network_};
  std::vector<std::uint64_t> numbers_;
  std::vector<CellId> broken_;
  std::vector<CellId> silent_;
  std::vector<std::string> notes_;
  AgentHub hub_{world_, *this};
};

TEST_F(AgentHubTest, LetsAnAgentGoThatKnowsTheSecret) {
  const auto agent = hello(kCell, kSecret);
  EXPECT_TRUE(was_told<AgentGo>(*agent));
  EXPECT_TRUE(hub_.is_connected(kCell));
}

TEST_F(AgentHubTest, CutsOffWhoDoesNotKnowTheSecret) {
  const auto agent = hello(kCell, kOther);
  EXPECT_TRUE(agent->is_closed);
  EXPECT_FALSE(hub_.is_connected(kCell));
  EXPECT_THAT(notes_,
              ElementsAre("an agent is cut off: it does not know the secret of cell 1-2-0"));
}

TEST_F(AgentHubTest, EndsAgentsOfCellsThatAreNotCurrent) {
  const auto early = hello(kOld, kSecret);
  EXPECT_TRUE(early->is_closed);  // It may yet be expected: come again.
  hub_.expected_all();
  const auto late = hello(kOld, kSecret);
  EXPECT_TRUE(was_told<AgentEnd>(*late));
  hub_.forget(kCell);
  const auto forgotten = hello(kCell, kSecret);
  EXPECT_TRUE(was_told<AgentEnd>(*forgotten));
  clock_.advance(Seconds(11));
  EXPECT_TRUE(late->is_closed && forgotten->is_closed);
}

TEST_F(AgentHubTest, EndsASecondAgentOfACell) {
  const auto first = hello(kCell, kSecret, 7);
  const auto second = hello(kCell, kSecret, 8);
  EXPECT_TRUE(was_told<AgentEnd>(*second));
  EXPECT_FALSE(first->is_closed);
  const auto again = hello(kCell, kSecret, 7);  // Its first connection broke unnoticed.
  EXPECT_TRUE(was_told<AgentGo>(*again));
  EXPECT_TRUE(first->is_closed);
}

// What somebody would try who has heard an agent, or was one: docs/security.md.
TEST_F(AgentHubTest, ForgedEpochsAndReplayedMessagesChangeNothing) {
  hub_.expected_all();
  const auto agent = hello(kCell, kSecret);
  agent->say(event(1, CellEventKind::started));
  agent->take();
  // An epoch to come, with the secret of the present one, and the secret of another cell.
  constexpr CellId kNext{.job = 1, .epoch = 3, .machine = MachineId(0U)};
  EXPECT_TRUE(was_told<AgentEnd>(*hello(kNext, kSecret)));
  hub_.expect({.id = kNext, .token = kOther, .grace = Seconds(5), .lease = Seconds(10)});
  EXPECT_TRUE(hello(kNext, kSecret)->is_closed);
  EXPECT_TRUE(hello(kCell, kOther)->is_closed);
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

// Somebody who listens has all the bytes, and says them again.
TEST_F(AgentHubTest, ARecordedConversationSaidAgainLetsNobodyIn) {
  const auto agent = hello(kCell, kSecret);
  agent->say(event(1, CellEventKind::started));
  const auto again = network_.connect();
  again->on_data(agent->said);
  EXPECT_TRUE(again->is_closed);
  EXPECT_FALSE(agent->is_closed);
  EXPECT_THAT(notes_,
              ElementsAre("an agent is cut off: it does not know the secret of cell 1-2-0"));
  // Neither before it began nor after it has gone, and no byte of the secret was in it.
  agent->on_close({ErrorCode::unavailable, "the network is down"});
  const auto later = network_.connect();
  later->on_data(agent->said);
  EXPECT_TRUE(later->is_closed);
  EXPECT_FALSE(hub_.is_connected(kCell));
  EXPECT_THAT(numbers_, ElementsAre(1));
  EXPECT_EQ(agent->said.find(kSecret), std::string::npos);
}

// Somebody who gets between the two can break a connection, and nothing else.
TEST_F(AgentHubTest, AnAlteredMessageEndsTheConnection) {
  // What is altered: a byte of the text, one of the tag, a message twice, one left out, one that
  // the hub sent sent back.
  using Alter = std::function<void(FarEnd&)>;
  const Alter alterations[] = {
      [](FarEnd& agent) {
        std::string bytes = agent.seal->seal(event(1, CellEventKind::ended));
        bytes[bytes.find("ended")] = 'E';
        agent.on_data(bytes);
      },
      [](FarEnd& agent) {
        std::string bytes = agent.seal->seal(event(1, CellEventKind::ended));
        bytes.back() = static_cast<char>(bytes.back() ^ 1);
        agent.on_data(bytes);
      },
      [](FarEnd& agent) {
        const std::string bytes = agent.seal->seal(AgentHeartbeat{});
        agent.on_data(bytes + bytes);
      },
      [](FarEnd& agent) {
        (void)agent.seal->seal(AgentHeartbeat{});
        agent.say(event(1, CellEventKind::ended));
      },
      [](FarEnd& agent) { agent.on_data(agent.received); },
      [](FarEnd& agent) { agent.on_data(encode(event(1, CellEventKind::ended))); },
  };
  for (const Alter& alter : alterations) {
    const auto agent = hello(kCell, kSecret);
    EXPECT_TRUE(hub_.is_connected(kCell));
    alter(*agent);
    EXPECT_TRUE(agent->is_closed);
    EXPECT_FALSE(hub_.is_connected(kCell));
  }
  EXPECT_THAT(numbers_, IsEmpty());
  EXPECT_THAT(notes_, SizeIs(6));
}

TEST_F(AgentHubTest, TellsItsCellOnceAndKnocksOnce) {
  const auto twice = hello(kCell, kSecret);
  twice->say(AgentKnock{.cell = kCell, .nonce = std::string(testing::kAgentNonce)});
  EXPECT_TRUE(twice->is_closed);
  // Whose secret it knows is one cell, what it says it is another.
  hub_.expect({.id = kOld, .token = kOther, .lease = Seconds(10)});
  const auto other = network_.connect();
  testing::knock(*other, kOld, kOther);
  other->say(hello_of(kCell));
  EXPECT_TRUE(other->is_closed);
  EXPECT_FALSE(hub_.is_connected(kCell));
}

// A cell that a version with protocol 1 began ends with it.
TEST_F(AgentHubTest, LetsTheAgentOfAnOlderCellSayItsSecret) {
  hub_.expect({.id = kOld, .token = "0123456789abcdef", .lease = Seconds(10)});
  const auto say = [this](CellId cell, const std::string& secret) {
    auto agent = network_.connect();
    AgentHello hello = hello_of(cell);
    hello.token = secret;
    agent->say(hello);
    return agent;
  };
  const auto old = say(kOld, "0123456789abcdef");
  EXPECT_TRUE(was_told<AgentGo>(*old));
  EXPECT_TRUE(say(kOld, "0123456789abcdeF")->is_closed);
  // Of a cell of ours, what was said in plain proves nothing.
  EXPECT_TRUE(say(kCell, kSecret)->is_closed);
  EXPECT_THAT(notes_.back(), ::testing::HasSubstr("must be proved, not said"));
  EXPECT_TRUE(hub_.is_connected(kOld));
  EXPECT_FALSE(hub_.is_connected(kCell));
}

TEST_F(AgentHubTest, LetsNoOtherAgentTakeUpWhatTheFirstBegan) {
  const auto first = hello(kCell, kSecret, 7);
  first->on_close({ErrorCode::unavailable, "it was killed"});
  EXPECT_THAT(broken_, ElementsAre(kCell));
  const auto second = hello(kCell, kSecret, 8);  // A batch system started it again.
  EXPECT_TRUE(was_told<AgentEnd>(*second));
  const auto again = hello(kCell, kSecret, 7);
  EXPECT_TRUE(was_told<AgentGo>(*again));
}

TEST_F(AgentHubTest, KnowsTheAgentOfAnEarlierLife) {
  hub_.forget(kCell);
  hub_.expect({.id = kCell, .token = kSecret, .lease = Seconds(10)},
              {.agent = {.pid = 7, .started = 1}});
  EXPECT_TRUE(was_told<AgentEnd>(*hello(kCell, kSecret, 8)));
  EXPECT_TRUE(was_told<AgentGo>(*hello(kCell, kSecret, 7)));
}

TEST_F(AgentHubTest, HasPatienceWithAnAgentThatQueues) {
  hub_.forget(kCell);
  hub_.expect({.id = kCell, .token = kSecret, .lease = Seconds(10)}, {.patience = Seconds(60)});
  clock_.advance(Seconds(70));
  EXPECT_THAT(silent_, IsEmpty());
  EXPECT_EQ(hub_.cells().at(0).heard_of, Seconds(10));
  const auto agent = hello(kCell, kSecret);
  clock_.advance(Seconds(13));  // From its hello on its lease counts, as ever.
  EXPECT_THAT(silent_, ElementsAre(kCell));
}

TEST_F(AgentHubTest, TellsEveryEventOnceAndInOrder) {
  const auto agent = hello(kCell, kSecret);
  for (const std::uint64_t number : {1U, 2U, 2U, 1U, 3U}) agent->say(event(number));
  EXPECT_THAT(numbers_, ElementsAre(1, 2, 3));
  agent->say(event(5));
  EXPECT_TRUE(agent->is_closed);
  EXPECT_THAT(notes_, ElementsAre("an agent is cut off: it told event 5 after event 3"));
  EXPECT_THAT(broken_, ElementsAre(kCell));
}

TEST_F(AgentHubTest, TakesUpWhereAnEarlierDaemonLeft) {
  const auto agent = hello(kCell, kSecret);
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
  const auto daemon = hello(kCell, kSecret);
  daemon->say(AgentGo{});
  EXPECT_TRUE(daemon->is_closed);
  EXPECT_THAT(notes_, SizeIs(3));
}

TEST_F(AgentHubTest, PassesOnAStopToAnAgentThatComesLater) {
  hub_.stop(kCell, false);
  const auto agent = hello(kCell, kSecret);
  EXPECT_TRUE(was_told<AgentStop>(*agent));
  hub_.stop(kCell, false);
  EXPECT_THAT(agent->take(), IsEmpty());  // Asked twice.
  hub_.stop(kCell, true);
  const auto messages = agent->take();
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_TRUE(std::get<AgentStop>(messages[0]).is_urgent);
}

TEST_F(AgentHubTest, EchoesHeartbeatsAndMissesThem) {
  const auto agent = hello(kCell, kSecret);
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
  const auto late = hello(kCell, kSecret);
  EXPECT_TRUE(was_told<AgentEnd>(*late));
}

TEST_F(AgentHubTest, KnowsThePhaseOfACell) {
  EXPECT_EQ(hub_.cells().at(0).phase, CellPhase::starting);
  const auto agent = hello(kCell, kSecret);
  agent->say(event(1, CellEventKind::started));
  EXPECT_EQ(hub_.cells().at(0).phase, CellPhase::running);
  hub_.stop(kCell, false);
  EXPECT_EQ(hub_.cells().at(0).phase, CellPhase::stopping);
  agent->say(event(2, CellEventKind::ended));
  EXPECT_THAT(hub_.cells(), IsEmpty());
}

}  // namespace
}  // namespace bourse
