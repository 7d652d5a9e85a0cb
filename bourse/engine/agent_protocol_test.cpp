#include "bourse/engine/agent_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bourse/engine/launch_file.h"

namespace bourse {
namespace {

using ::testing::HasSubstr;

constexpr CellId kSpokenCell{.job = 17, .epoch = 3, .machine = MachineId(1U)};

std::string framed(std::string_view text) {
  std::string bytes{'\0', '\0', static_cast<char>(text.size() >> 8),
                    static_cast<char>(text.size() & 0xFF)};
  return bytes.append(text);
}

std::vector<AgentMessage> messages_in(const std::string& bytes) {
  std::vector<AgentMessage> messages;
  const auto frames = FrameReader().add(bytes);
  if (!frames) return messages;
  for (const AgentFrame& frame : *frames) {
    const auto message = parse_message(frame.text);
    EXPECT_TRUE(message.has_value()) << message.error().message;
    if (message) messages.push_back(*message);
  }
  return messages;
}

TEST(AgentProtocol, IsLengthAndJson) {
  EXPECT_EQ(encode(AgentAcknowledge{7}), framed(R"({"number":7,"type":"acknowledge"})"));
  // The highest bit of the length says that 32 bytes follow it.
  const std::string tag(kAgentTagSize, 'T');
  EXPECT_EQ(frame_bytes("{}", tag), std::string("\x80\0\0\x02{}", 6) + tag);
}

TEST(AgentProtocol, ReadsBackWhatWasWritten) {
  const AgentHello hello{.cell = kSpokenCell,
                         .token = "secret",
                         .agent = {.pid = 42, .started = 77},
                         .phase = CellPhase::stopping,
                         .last_event = 9};
  const AgentKnock knock{.cell = kSpokenCell, .nonce = "00112233445566778899aabbccddeeff"};
  const AgentStop stop{.grace = Seconds(1.5), .is_urgent = true};
  const std::string bytes = encode(hello) + encode(AgentGo{}) + encode(AgentEnd{"old"}) +
                            encode(stop) + encode(AgentAcknowledge{5}) +
                            encode(AgentHeartbeat{Seconds(2.25)}) + encode(knock) +
                            encode(AgentChallenge{knock.nonce});
  const auto messages = messages_in(bytes);
  ASSERT_EQ(messages.size(), 8U);
  EXPECT_EQ(std::get<AgentHello>(messages[0]), hello);
  EXPECT_EQ(std::get<AgentEnd>(messages[2]).reason, "old");
  EXPECT_EQ(std::get<AgentStop>(messages[3]), stop);
  EXPECT_EQ(std::get<AgentAcknowledge>(messages[4]).number, 5U);
  EXPECT_EQ(std::get<AgentHeartbeat>(messages[5]).sent, Seconds(2.25));
  EXPECT_EQ(std::get<AgentKnock>(messages[6]), knock);
  EXPECT_EQ(std::get<AgentChallenge>(messages[7]).nonce, knock.nonce);
}

TEST(AgentProtocol, ReadsAHeartbeatHoweverItIsWritten) {
  EXPECT_EQ(message_text(AgentHeartbeat{Seconds(2.25)}), R"({"sent_s":2.25,"type":"heartbeat"})");
  const auto sent = [](std::string_view text) {
    const auto message = parse_message(text);
    return message ? std::get<AgentHeartbeat>(*message).sent.value : -1;
  };
  for (const double seconds : {0.0, 1.0, 0.1, 123456.789, 1e-9, 1e300})
    EXPECT_EQ(sent(message_text(AgentHeartbeat{Seconds(seconds)})), seconds);
  EXPECT_EQ(sent(R"({"type": "heartbeat", "sent_s": 2.5})"), 2.5);
  EXPECT_EQ(sent(R"({"sent_s":1e2,"type":"heartbeat"})"), 100);
  EXPECT_EQ(sent(R"({"sent_s":,"type":"heartbeat"})"), -1);
  EXPECT_EQ(sent(R"({"sent_s":1,"sent_s":2,"type":"heartbeat"})"), 2);
  EXPECT_EQ(sent(R"({"sent_s":nan,"type":"heartbeat"})"), -1);
}

TEST(AgentProtocol, CarriesAllOfAnEvent) {
  const CellEvent ended{.cell = kSpokenCell,
                        .number = 4,
                        .kind = CellEventKind::task_ended,
                        .unix_time = Seconds(1e9),
                        .task = "worker-0",
                        .status = {.code = 3},
                        .message = "no module\n\xff"};
  const CellEvent progress{.cell = kSpokenCell,
                           .number = 5,
                           .kind = CellEventKind::progress,
                           .task = "worker-1",
                           .progress = {.samples = 0.1,
                                        .compute_per_sample = 2e-5,
                                        .exchange_per_sample = 3e-6,
                                        .workers = 2,
                                        .checkpointed = true}};
  const auto messages = messages_in(encode(ended) + encode(progress));
  ASSERT_EQ(messages.size(), 2U);
  const auto& first = std::get<CellEvent>(messages[0]);
  EXPECT_EQ(first.cell, kSpokenCell);
  EXPECT_EQ(first.number, 4U);
  EXPECT_EQ(first.unix_time, Seconds(1e9));
  EXPECT_EQ(first.status, ended.status);
  EXPECT_EQ(first.message, "no module\n\xEF\xBF\xBD");  // No UTF-8: replaced.
  const auto& second = std::get<CellEvent>(messages[1]);
  EXPECT_EQ(second.progress.samples, 0.1);
  EXPECT_EQ(second.progress.compute_per_sample, 2e-5);
  EXPECT_EQ(second.progress.exchange_per_sample, 3e-6);
  EXPECT_EQ(second.progress.workers, 2);
  EXPECT_FALSE(second.progress.loss.has_value());
  EXPECT_EQ(second.progress.checkpointed, true);
}

RC_GTEST_PROP(AgentProtocol, DoesNotCareHowTheStreamIsCut, ()) {
  std::string bytes;
  const int count = *rc::gen::inRange(0, 6);
  for (int i = 0; i < count; ++i)
    bytes += frame_bytes(message_text(AgentAcknowledge{static_cast<unsigned>(i)}),
                         i % 2 == 0 ? std::string() : std::string(kAgentTagSize, 'T'));
  FrameReader reader;
  int seen = 0;
  while (!bytes.empty()) {
    const auto size = *rc::gen::inRange<std::size_t>(1, bytes.size() + 1);
    const auto frames = reader.add(bytes.substr(0, size));
    RC_ASSERT(frames.has_value());
    for (const AgentFrame& frame : *frames) {
      RC_ASSERT(frame.tag.empty() == (seen % 2 == 0));
      RC_ASSERT(frame.text == message_text(AgentAcknowledge{static_cast<unsigned>(seen++)}));
    }
    bytes.erase(0, size);
  }
  RC_ASSERT(seen == count);
}

TEST(AgentProtocol, RefusesWhatIsNoMessage) {
  const auto sentence = [](std::string_view text) {
    const auto message = parse_message(text);
    return message ? "" : message.error().message;
  };
  EXPECT_EQ(FrameReader().add("GET / HTTP/1.1\r\n").error().message,
            "a message of 1195725856 bytes is longer than the 65536 allowed");
  EXPECT_EQ(sentence("nonsense"), "'nonsense' is not a JSON object");
  EXPECT_EQ(sentence("[1]"), "'[1]' is not a JSON object");
  EXPECT_EQ(sentence("{}"), "field 'type' must be text");
  EXPECT_THAT(sentence(R"({"type":"gone"})"), HasSubstr("field 'type' is 'gone'"));
  EXPECT_EQ(sentence(R"({"type":"acknowledge","number":-1})"),
            "field 'number' must be a whole number from 0 to 18446744073709551615");
  EXPECT_EQ(sentence(R"({"type":"hello","protocol":3})"),
            "the peer speaks protocol 3, this bourse speaks 2");
  EXPECT_EQ(sentence(R"({"type":"knock","protocol":1})"),
            "the peer speaks protocol 1, this bourse speaks 2");
  EXPECT_EQ(sentence(R"({"type":"challenge","nonce":"00\n"})"),
            "field 'nonce' must have 32 hexadecimal digits");
}

TEST(LaunchFile, ReadsBackAsWritten) {
  LaunchFile launch{.cell = {.id = kSpokenCell,
                             .token = "secret",
                             .directory = "/state/cells/17-3-1",
                             .demand = {1000, 2000},
                             .grace = Seconds(5),
                             .lease = Seconds(2.5),
                             .log_size = 1000},
                    .daemon = {"unix:/state/agents.sock"},
                    .confinement = {.cpus = {0, 3}, .memory_limit = 1 << 30, .cgroup = "/c"}};
  launch.cell.tasks.push_back({.role = TaskRole::server,
                               .rank = 2,
                               .command = {"python3", "train.py"},
                               .environment = {"A=1"},
                               .directory = "/work",
                               .log_file = "/l",
                               .fifo = "/f",
                               .progress_pattern = "x",
                               .devices = {0, 1}});
  const auto read = parse_launch_file(launch_file_text(launch), "cell.json");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(launch_file_text(*read), launch_file_text(launch));
  EXPECT_EQ(read->confinement, launch.confinement);
  EXPECT_EQ(read->cell.tasks[0].name(), "server-2");
}

TEST(LaunchFile, SaysWhichFileAndFieldIsWrong) {
  EXPECT_EQ(parse_launch_file("{}", "/s/cell.json").error().message,
            "/s/cell.json: field 'cell' must be text");
  EXPECT_EQ(parse_launch_file("{\"cell\"", "/s/cell.json").error().message,
            "/s/cell.json: '{\"cell\"' is not a JSON object");
}

TEST(LeftEvents, ReadBackAsWritten) {
  const std::vector<CellEvent> events{{.cell = kSpokenCell,
                                       .number = 3,
                                       .kind = CellEventKind::ended,
                                       .end = CellEnd::completed,
                                       .message = "all tasks returned 0"}};
  const auto read = parse_left_events(left_events_text(events), "events.json");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().end, CellEnd::completed);
  EXPECT_EQ(read->front().message, events[0].message);
}

}  // namespace
}  // namespace bourse
