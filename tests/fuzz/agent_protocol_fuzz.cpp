// Bytes of a peer to messages, with seals and without, the line a task writes to its pipe, and the
// files of a cell.
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/engine/agent_protocol.h"
#include "bourse/engine/agent_seal.h"
#include "bourse/engine/launch_file.h"
#include "bourse/engine/progress.h"

namespace bourse {
namespace {

AgentSeal seal_of(AgentSeal::End end) {
  return {end, {.secret = "proved-0", .cell = {.job = 1}, .agent_nonce = "1", .daemon_nonce = "2"}};
}

void try_message(const AgentFrame& frame) {
  // Whoever does not know the secret is not believed, whatever he says.
  BOURSE_CHECK(!seal_of(AgentSeal::End::daemon).open(frame).has_value());
  const auto message = parse_message(frame.text);
  if (!message) {
    BOURSE_CHECK(message.error().message.find('\n') == std::string::npos);
    return;
  }
  const auto sealed = FrameReader().add(seal_of(AgentSeal::End::agent).seal(*message));
  BOURSE_CHECK(sealed.has_value() && sealed->size() == 1);
  const auto again = seal_of(AgentSeal::End::daemon).open(sealed->front());
  BOURSE_CHECK(again.has_value() && again->index() == message->index());
}

void try_stream(std::string_view bytes) {
  const auto frames = FrameReader().add(bytes);
  if (!frames) {
    BOURSE_CHECK(frames.error().message.find('\n') == std::string::npos);
    return;
  }
  // Cut anywhere, the stream says the same.
  FrameReader reader;
  const auto first = reader.add(bytes.substr(0, bytes.size() / 2));
  const auto second = reader.add(bytes.substr(bytes.size() / 2));
  BOURSE_CHECK(first.has_value() && second.has_value());
  BOURSE_CHECK(first->size() + second->size() == frames->size());
  for (const AgentFrame& frame : *frames) {
    const auto again = FrameReader().add(frame_bytes(frame.text, frame.tag));
    BOURSE_CHECK(again.has_value() && again->size() == 1 && again->front() == frame);
    try_message(frame);
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
