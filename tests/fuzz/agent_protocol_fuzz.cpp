// Bytes of a peer to messages, the line a task writes to its pipe, and the files of a cell.
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/engine/agent_protocol.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/progress.h"

namespace bourse {
namespace {

void try_stream(std::string_view bytes) {
  const auto decoded = decode_messages(bytes);
  if (!decoded) {
    BOURSE_CHECK(decoded.error().message.find('\n') == std::string::npos);
    return;
  }
  BOURSE_CHECK(decoded->size <= bytes.size());
  // Cut anywhere, the stream says the same.
  MessageReader reader;
  const auto first = reader.add(bytes.substr(0, bytes.size() / 2));
  const auto second = reader.add(bytes.substr(bytes.size() / 2));
  BOURSE_CHECK(first.has_value() && second.has_value());
  BOURSE_CHECK(first->size() + second->size() == decoded->messages.size());
  for (const AgentMessage& message : decoded->messages) {
    const auto again = decode_messages(encode(message));
    BOURSE_CHECK(again.has_value() && again->messages.size() == 1);
    BOURSE_CHECK(again->messages[0].index() == message.index());
  }
}

void try_text(std::string_view text) {
  if (const auto launch = parse_launch_file(text, "cell.json"))
    BOURSE_CHECK(parse_launch_file(launch_file_text(*launch), "cell.json").has_value());
  if (const auto events = parse_left_events(text, "events.json"))
    BOURSE_CHECK(parse_left_events(left_events_text(*events), "events.json").has_value());
  if (const auto report = parse_progress_line(text); !report)
    BOURSE_CHECK(report.error().message.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace bourse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  bourse::try_stream(bytes);
  bourse::try_text(bytes);
  return 0;
}
