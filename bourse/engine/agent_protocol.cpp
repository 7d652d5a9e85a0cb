#include "bourse/engine/agent_protocol.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "bourse/base/check.h"
#include "bourse/engine/event_json.h"
#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLengthSize = 4;
constexpr std::size_t kTagBit = std::size_t{1} << 31;
/// In the order of AgentMessage.
constexpr std::array<std::string_view, 9> kTypes{
    "hello", "go", "end", "stop", "acknowledge", "heartbeat", "event", "knock", "challenge"};
constexpr std::array<std::string_view, 4> kPhases{"starting", "running", "stopping", "ended"};
constexpr double kLongestGrace = 1e9;  ///< Seconds.

Json json_of(const AgentHello& hello) {
  Json json{{"protocol", hello.token.empty() ? kAgentProtocol : kPlainAgentProtocol},
            {"cell", text_of(hello.cell)},
            {"pid", hello.agent.pid},
            {"pid_started", hello.agent.started},
            {"phase", kPhases[static_cast<std::size_t>(hello.phase)]},
            {"last_event", hello.last_event}};
  if (!hello.token.empty()) json["token"] = hello.token;
  return json;
}
Json json_of(const AgentGo&) { return Json::object(); }
Json json_of(const AgentEnd& end) { return {{"reason", end.reason}}; }
Json json_of(const AgentStop& stop) {
  return {{"grace_s", stop.grace.value}, {"urgent", stop.is_urgent}};
}
Json json_of(const AgentAcknowledge& acknowledge) { return {{"number", acknowledge.number}}; }
Json json_of(const AgentHeartbeat& heartbeat) { return {{"sent_s", heartbeat.sent.value}}; }
Json json_of(const CellEvent& event) { return event_json(event); }
Json json_of(const AgentKnock& knock) {
  return {{"protocol", kAgentProtocol}, {"cell", text_of(knock.cell)}, {"nonce", knock.nonce}};
}
Json json_of(const AgentChallenge& challenge) { return {{"nonce", challenge.nonce}}; }

/// The protocol of the peer, if we speak it.
Result<std::uint64_t> read_protocol(const Json& json, std::uint64_t oldest) {
  BOURSE_TRY(const std::uint64_t protocol, whole_field(json, "protocol"));
  if (protocol < oldest || protocol > kAgentProtocol)
    return invalid(fmt::format("the peer speaks protocol {}, this bourse speaks {}", protocol,
                               kAgentProtocol));
  return protocol;
}

Result<CellId> read_cell_id(const Json& json) {
  BOURSE_TRY(const std::string cell, text_field(json, "cell"));
  return parse_cell_id(cell);
}

Result<std::string> read_nonce(const Json& json) {
  BOURSE_TRY(std::string nonce, text_field(json, "nonce"));
  const bool is_right = nonce.size() == kAgentNonceSize &&
                        nonce.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_right)
    return invalid(fmt::format("field 'nonce' must have {} hexadecimal digits", kAgentNonceSize));
  return nonce;
}

Result<AgentMessage> read_hello(const Json& json) {
  BOURSE_TRY(const std::uint64_t protocol, read_protocol(json, kPlainAgentProtocol));
  AgentHello hello;
  BOURSE_TRY(hello.cell, read_cell_id(json));
  if (protocol == kPlainAgentProtocol) {
    BOURSE_TRY(hello.token, text_field(json, "token"));
    if (hello.token.empty()) return invalid("field 'token' must not be empty");
  }
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

Result<AgentMessage> read_knock(const Json& json) {
  BOURSE_TRY_VOID(read_protocol(json, kAgentProtocol));
  AgentKnock knock;
  BOURSE_TRY(knock.cell, read_cell_id(json));
  BOURSE_TRY(knock.nonce, read_nonce(json));
  return knock;
}

Result<AgentMessage> read_challenge(const Json& json) {
  BOURSE_TRY(std::string nonce, read_nonce(json));
  return AgentChallenge{std::move(nonce)};
}

/// In the order of kTypes.
constexpr std::array<Result<AgentMessage> (*)(const Json&), 9> kReaders{
    read_hello,     read_go,         read_end,   read_stop,     read_acknowledge,
    read_heartbeat, read_cell_event, read_knock, read_challenge};

std::size_t length_at(std::string_view bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthSize; ++i)
    length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

/// Heartbeats are most of what is said. Their text, in one form only, is made and read without the
/// library; in another form it reads them.
constexpr std::string_view kBeatFront = R"({"sent_s":)";
constexpr std::string_view kBeatBack = R"(,"type":"heartbeat"})";

std::optional<AgentHeartbeat> read_usual_heartbeat(std::string_view text) {
  if (!text.starts_with(kBeatFront) || !text.ends_with(kBeatBack)) return std::nullopt;
  const char* const begin = text.data() + kBeatFront.size();
  const char* const end = text.data() + text.size() - kBeatBack.size();
  AgentHeartbeat heartbeat;
  const auto read = std::from_chars(begin, end, heartbeat.sent.value, std::chars_format::fixed);
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(heartbeat.sent.value))
    return std::nullopt;
  return heartbeat;
}

}  // namespace

std::string message_text(const AgentMessage& message) {
  if (const auto* const heartbeat = std::get_if<AgentHeartbeat>(&message))
    return fmt::format("{}{}{}", kBeatFront, heartbeat->sent.value, kBeatBack);
  Json json = std::visit([](const auto& m) { return json_of(m); }, message);
  json["type"] = kTypes[message.index()];
  return json_text(json);
}

Result<AgentMessage> parse_message(std::string_view text) {
  if (const auto heartbeat = read_usual_heartbeat(text)) return *heartbeat;
  BOURSE_TRY(const Json json, parse_object(text));
  BOURSE_TRY(const std::size_t type, choice_field(json, "type", kTypes));
  return kReaders[type](json);
}

std::string frame_bytes(std::string_view text, std::string_view tag) {
  BOURSE_CHECK(text.size() <= kMaxAgentMessage);
  BOURSE_CHECK(tag.empty() || tag.size() == kAgentTagSize);
  const std::size_t length = text.size() | (tag.empty() ? 0 : kTagBit);
  std::string bytes;
  bytes.reserve(kLengthSize + text.size() + tag.size());
  for (std::size_t i = 0; i < kLengthSize; ++i)
    bytes += static_cast<char>(length >> 8 * (kLengthSize - 1 - i) & 0xFF);
  return bytes.append(text).append(tag);
}

std::string encode(const AgentMessage& message) { return frame_bytes(message_text(message), {}); }

Result<std::vector<AgentFrame>> FrameReader::add(std::string_view bytes) {
  rest_ += bytes;
  std::vector<AgentFrame> frames;
  std::string_view front = rest_;
  while (front.size() >= kLengthSize) {
    const std::size_t length = length_at(front) & ~kTagBit;
    const std::size_t tag_size = (length_at(front) & kTagBit) != 0 ? kAgentTagSize : 0;
    if (length > kMaxAgentMessage)
      return fail(ErrorCode::data_corrupted,
                  fmt::format("a message of {} bytes is longer than the {} allowed", length,
                              kMaxAgentMessage));
    if (front.size() < kLengthSize + length + tag_size) break;
    front.remove_prefix(kLengthSize);
    frames.push_back({.text = std::string(front.substr(0, length)),
                      .tag = std::string(front.substr(length, tag_size))});
    front.remove_prefix(length + tag_size);
  }
  rest_.erase(0, rest_.size() - front.size());
  return frames;
}

}  // namespace bourse
