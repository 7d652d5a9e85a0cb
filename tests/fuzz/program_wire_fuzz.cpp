// Bytes of a peer of a program: frames, and the values in them.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/check.h"
#include "bourse/program/channel.h"
#include "bourse/program/frame.h"
#include "bourse/program/serialize.h"

namespace bourse::program {
namespace {

struct Tree {
  std::int32_t value = 0;
  std::vector<Tree> children;
};

struct Mixed {
  std::vector<float> floats;
  std::map<std::string, std::optional<bool>> map;
  std::variant<std::int32_t, std::string, Tree> either;
  std::vector<std::vector<std::string>> nested;
  Buffer buffer;
};

template <class T>
void try_value(const Message& message) {
  WireReader reader(message);
  T value{};
  read_value(reader, value);
  reader.finish();
  if (!reader.ok()) return BOURSE_CHECK(reader.why().find('\n') == std::string::npos);
  // What was read writes itself so that it is read again. Others may put blocks elsewhere than we.
  const Message again = encode(value);
  BOURSE_CHECK(again.size() == message.size());
  WireReader second(again);
  T copy{};
  read_value(second, copy);
  second.finish();
  BOURSE_CHECK(second.ok());
  BOURSE_CHECK(encode(copy).head == again.head);
}

void try_values(const Message& message) {
  try_value<Tree>(message);
  try_value<std::tuple<std::string, std::string, std::vector<std::string>>>(message);
  WireReader reader(message);
  Mixed mixed;
  read_value(reader, mixed);
}

void try_frames(std::string_view bytes) {
  const FrameLimits limits{.message_size = std::size_t{1} << 20};
  std::vector<Frame> frames;
  FrameParser whole(limits);
  whole.feed(bytes, frames);
  // Cut anywhere, the stream says the same.
  std::vector<Frame> again;
  FrameParser parts(limits);
  parts.feed(bytes.substr(0, bytes.size() / 3), again);
  parts.feed(bytes.substr(bytes.size() / 3), again);
  BOURSE_CHECK(frames.size() == again.size());
  BOURSE_CHECK(whole.why() == parts.why());
  for (const Frame& frame : frames) {
    try_values(frame.message);
    (void)error_of_frame(frame);
  }
}

}  // namespace
}  // namespace bourse::program

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(data, data + size);
  bourse::program::try_frames(bytes);
  bourse::program::try_values({.head = bytes, .segments = {}});
  return 0;
}
