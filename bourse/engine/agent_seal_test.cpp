#include "bourse/engine/agent_seal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/engine/agent_link.h"
#include "bourse/engine/fixtures.h"
#include "bourse/world/real_files.h"
#include "bourse/world/real_random.h"

namespace bourse {
namespace {

using ::testing::ElementsAre;
using testing::FarEnd;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string hex(std::string_view bytes) {
  std::string digits;
  for (const char byte : bytes) digits += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return digits;
}

// RFC 4231, test cases 2 and 6 (a key longer than a block).
TEST(HmacSha256, IsThatOfTheStandard) {
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hex(hmac_sha256(std::string(131, '\xaa'),
                            "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

constexpr CellId kSealed{.job = 4, .epoch = 1, .machine = MachineId(2U)};

AgentSeal::Handshake handshake() {
  return {.secret = "proved-1", .cell = kSealed, .agent_nonce = "a", .daemon_nonce = "d"};
}

AgentFrame frame_in(const std::string& bytes) { return FrameReader().add(bytes)->front(); }

TEST(AgentSeal, OpensWhatTheOtherEndSealed) {
  AgentSeal agent(AgentSeal::End::agent, handshake());
  AgentSeal daemon(AgentSeal::End::daemon, handshake());
  for (std::uint64_t number = 1; number < 4; ++number) {
    const auto message = daemon.open(frame_in(agent.seal(AgentAcknowledge{number})));
    ASSERT_TRUE(message.has_value()) << message.error().message;
    EXPECT_EQ(std::get<AgentAcknowledge>(*message).number, number);
  }
  EXPECT_TRUE(agent.open(frame_in(daemon.seal(AgentGo{}))).has_value());
}

TEST(AgentSeal, IsOfOneSecretCellAndConnection) {
  AgentSeal agent(AgentSeal::End::agent, handshake());
  const AgentFrame frame = frame_in(agent.seal(AgentGo{}));
  const auto opens = [&frame](const AgentSeal::Handshake& theirs, AgentSeal::End end) {
    return AgentSeal(end, theirs).open(frame).has_value();
  };
  EXPECT_TRUE(opens(handshake(), AgentSeal::End::daemon));
  EXPECT_FALSE(opens(handshake(), AgentSeal::End::agent)) << "sent back to its sender";
  auto other = handshake();
  other.secret = "proved-2";
  EXPECT_FALSE(opens(other, AgentSeal::End::daemon));
  other = handshake();
  other.cell.epoch = 2;
  EXPECT_FALSE(opens(other, AgentSeal::End::daemon));
  other = handshake();
  other.agent_nonce = "b";
  EXPECT_FALSE(opens(other, AgentSeal::End::daemon));
  other = handshake();
  other.daemon_nonce = "b";
  EXPECT_FALSE(opens(other, AgentSeal::End::daemon));
}

TEST(AgentSeal, RefusesWhatWasSaidBeforeOrElsewhere) {
  AgentSeal agent(AgentSeal::End::agent, handshake());
  AgentSeal daemon(AgentSeal::End::daemon, handshake());
  const AgentFrame first = frame_in(agent.seal(AgentAcknowledge{1}));
  EXPECT_TRUE(daemon.open(first).has_value());
  const auto again = daemon.open(first);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::unauthenticated);
  EXPECT_FALSE(AgentSeal(AgentSeal::End::daemon, handshake())
                   .open({.text = first.text, .tag = {}})
                   .has_value());
}

/// An agent's link, whose daemon is played by a test.
class AgentLinkTest : public ::testing::Test {
 protected:
  /// The daemon answers the knock, with a secret.
  void challenge(const std::string& secret) {
    const auto frames = network_.dialed->take_frames();
    ASSERT_EQ(frames.size(), 1U);
    const auto knock = parse_message(frames[0].text);
    ASSERT_TRUE(knock && std::holds_alternative<AgentKnock>(*knock));
    const std::string nonce(kAgentNonceSize, 'd');
    network_.dialed->seal.emplace(
        AgentSeal::End::daemon,
        AgentSeal::Handshake{.secret = secret,
                             .cell = kSealed,
                             .agent_nonce = std::get<AgentKnock>(*knock).nonce,
                             .daemon_nonce = nonce});
    network_.dialed->say(AgentChallenge{nonce});
  }
  void call(const std::string& address) {
    link_.emplace(
        world_, AgentLink::Ends{.daemon = {address}, .cell = kSealed, .secret = "proved-1"},
        AgentLink::Listener{
            .on_connect = [this] { ++connected_; },
            .on_message =
                [this](const AgentMessage& message) { kinds_.push_back(message.index()); },
            .log = [this](std::string_view line) { log_.emplace_back(line); }});
    link_->connect();
  }

  ManualClock clock_;
  testing::ManualNetwork network_;
  RealRandom random_;
  RealFiles files_;
  testing::NoProcesses processes_;
  World world_{clock_, random_, files_, processes_, network_};
  int connected_ = 0;
  std::vector<std::size_t> kinds_;
  std::vector<std::string> log_;
  std::optional<AgentLink> link_;
};

TEST_F(AgentLinkTest, SaysNothingBeforeTheDaemonHasProvedWhoItIs) {
  call("127.0.0.1:1");
  EXPECT_FALSE(link_->is_clear());
  link_->send(AgentHeartbeat{});
  challenge("proved-1");
  EXPECT_EQ(connected_, 1);
  EXPECT_TRUE(link_->is_clear());
  link_->send(AgentHeartbeat{});
  EXPECT_EQ(network_.dialed->take().size(), 1U);
  network_.dialed->say(AgentGo{});
  EXPECT_THAT(kinds_, ElementsAre(AgentMessage(AgentGo{}).index()));
}

TEST_F(AgentLinkTest, ObeysNobodyWhoDoesNotKnowTheSecret) {
  call("127.0.0.1:1");
  challenge("proved-2");
  EXPECT_TRUE(network_.dialed->is_closed);
  // Orders without a tag, and an order that was sealed for an earlier connection.
  for (const AgentMessage& order :
       {AgentMessage(AgentEnd{"now"}), AgentMessage(AgentStop{}), AgentMessage(AgentGo{})}) {
    clock_.advance(Seconds(2));
    const auto daemon = network_.dialed;
    ASSERT_FALSE(daemon->is_closed);
    daemon->on_data(encode(order));
    EXPECT_TRUE(daemon->is_closed);
  }
  clock_.advance(Seconds(2));
  challenge("proved-1");
  const std::string recorded = network_.dialed->said;
  network_.dialed->on_close({ErrorCode::unavailable, "broken"});
  clock_.advance(Seconds(2));
  network_.dialed->on_data(recorded);
  EXPECT_TRUE(network_.dialed->is_closed);
  EXPECT_EQ(connected_, 1);
  EXPECT_THAT(kinds_, IsEmpty());
  EXPECT_THAT(log_.back(), HasSubstr("the tag that the secret of its cell gives it"));
}

TEST_F(AgentLinkTest, BelievesWhoListensAtOurUnixSocketThatTheCellIsForgotten) {
  call("unix:/state/agents.sock");
  network_.dialed->on_data(encode(AgentGo{}));
  EXPECT_TRUE(network_.dialed->is_closed);
  clock_.advance(Seconds(2));
  network_.dialed->on_data(encode(AgentEnd{"old"}));
  EXPECT_THAT(kinds_, ElementsAre(AgentMessage(AgentEnd{}).index()));
}

}  // namespace
}  // namespace bourse
