#include "bourse/trace/text_input.h"
#include "tests/support/fuzz_trace.h"

// The format is found from the bytes, packed or not; YAML has a fuzzer of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  bourse::MemorySource source(bytes, "fuzz");
  bourse::TextInput input(source);
  while (true) {
    const auto line = input.next_line();
    if (!line || !*line) break;
    BOURSE_CHECK((*line)->size() <= bourse::kMaxLineBytes);
  }
  bourse::fuzz_trace(data, size, bourse::TraceFormat::canonical);
  return 0;
}
