#include "bourse/engine/agent_protocol.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "bourse/base/check.h"
#include "bourse/engine/event_json.h"
#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLengthSize = 4;
/// In the order of AgentMessage.
constexpr std::array<std::string_view, 7> kTypes{"hello",       "go",        "end",  "stop",
                                                 "acknowledge", "heartbeat", "event"};
constexpr std::array<std::string_view, 4> kPhases{"starting", "running", "stopping", "ended"};
constexpr double kLongestGrace = 1e9;  ///< Seconds.

Json json_of(const AgentHello& hello) {
  return {{"protocol", kAgentProtocol},
          {"cell", text_of(hello.cell)},
          {"token", hello.token},
          {"pid", hello.agent.pid},
          {"pid_started", hello.agent.started},
          {"phase", kPhases[static_cast<std::size_t>(hello.phase)]},
          {"last_event", hello.last_event}};
}
Json json_of(const AgentGo&) { return Json::object(); }
Json json_of(const AgentEnd& end) { return {{"reason", end.reason}}; }
Json json_of(const AgentStop& stop) {
  return {{"grace_s", stop.grace.value}, {"urgent", stop.is_urgent}};
}
Json json_of(const AgentAcknowledge& acknowledge) { return {{"number", acknowledge.number}}; }
Json json_of(const AgentHeartbeat& heartbeat) { return {{"sent_s", heartbeat.sent.value}}; }
Json json_of(const CellEvent& event) { return event_json(event); }

Result<AgentMessage> read_hello(const Json& json) {
  BOURSE_TRY(const std::uint64_t protocol, whole_field(json, "protocol"));
  if (protocol != kAgentProtocol)
    return invalid(fmt::format("the peer speaks protocol {}, this bourse speaks {}", protocol,
                               kAgentProtocol));
  AgentHello hello;
  BOURSE_TRY(const std::string cell, text_field(json, "cell"));
  BOURSE_TRY(hello.cell, parse_cell_id(cell));
  BOURSE_TRY(hello.token, text_field(json, "token"));
  BOURSE_TRY(const std::uint64_t pid, whole_field(json, "pid", 0x7FFF'FFFF));
  hello.agent.pid = static_cast<std::int32_t>(pid);
  BOURSE_TRY(hello.agent.started, whole_field(json, "pid_started"));
  BOURSE_TRY(const std::size_t phase, choice_field(json, "phase", kPhases));
  hello.phase = static_cast<CellPhase>(phase);
  BOURSE_TRY(hello.last_event, whole_field(json, "last_event"));
  return hello;
}

Result<AgentMessage> read_go(const Json& /*json*/) { return AgentGo{}; }

Result<AgentMessage> read_end(const Json& json) {
  BOURSE_TRY(std::string reason, text_field(json, "reason"));
  return AgentEnd{std::move(reason)};
}

Result<AgentMessage> read_stop(const Json& json) {
  BOURSE_TRY(const double grace, number_field(json, "grace_s", 0, kLongestGrace));
  BOURSE_TRY(const bool is_urgent, flag_field(json, "urgent"));
  return AgentStop{.grace = Seconds(grace), .is_urgent = is_urgent};
}

Result<AgentMessage> read_acknowledge(const Json& json) {
  BOURSE_TRY(const std::uint64_t number, whole_field(json, "number"));
  return AgentAcknowledge{number};
}

Result<AgentMessage> read_heartbeat(const Json& json) {
  BOURSE_TRY(const double sent, number_field(json, "sent_s"));
  return AgentHeartbeat{Seconds(sent)};
}

Result<AgentMessage> read_cell_event(const Json& json) { return read_event(json); }

/// In the order of kTypes.
constexpr std::array<Result<AgentMessage> (*)(const Json&), 7> kReaders{
    read_hello, read_go, read_end, read_stop, read_acknowledge, read_heartbeat, read_cell_event};

std::size_t length_at(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthSize; ++i)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

}  // namespace

std::string encode(const AgentMessage& message) {
  Json json = std::visit([](const auto& m) { return json_of(m); }, message);
  json["type"] = kTypes[message.index()];
  const std::string text = json_text(json);
  BOURSE_CHECK(text.size() <= kMaxAgentMessage);
  std::string bytes;
  for (std::size_t i = 0; i < kLengthSize; ++i)
    bytes += static_cast<char>(text.size() >> 8 * (kLengthSize - 1 - i) & 0xFF);
  return bytes + text;
}

Result<DecodedMessages> decode_messages(std::string_view bytes) {
  DecodedMessages decoded;
  while (bytes.size() - decoded.size >= kLengthSize) {
    const std::string_view front = bytes.substr(decoded.size);
    const std::size_t length = length_at(front);
    if (length > kMaxAgentMessage)
      return fail(ErrorCode::data_corrupted,
                  fmt::format("a message of {} bytes is longer than the {} allowed", length,
                              kMaxAgentMessage));
    if (front.size() < kLengthSize + length) break;
    BOURSE_TRY(const Json json, parse_object(front.substr(kLengthSize, length)));
    BOURSE_TRY(const std::size_t type, choice_field(json, "type", kTypes));
    BOURSE_TRY(AgentMessage message, kReaders[type](json));
    decoded.messages.push_back(std::move(message));
    decoded.size += kLengthSize + length;
  }
  return decoded;
}

Result<std::vector<AgentMessage>> MessageReader::add(std::string_view bytes) {
  rest_ += bytes;
  BOURSE_TRY(DecodedMessages decoded, decode_messages(rest_));
  rest_.erase(0, decoded.size);
  return std::move(decoded.messages);
}

}  // namespace bourse
