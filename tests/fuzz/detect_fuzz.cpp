#include "bourse/trace/readers.h"
#include "tests/support/fuzz_trace.h"

// The format is found from the bytes; YAML has a fuzzer of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bourse::MemorySource source(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  bourse::TextInput input(source);
  const auto format = bourse::detect_format(input);
  if (format && *format && **format != bourse::TraceFormat::yaml)
    bourse::fuzz_trace(data, size, std::nullopt);
  return 0;
}
