#include "tests/support/fuzz_trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bourse::fuzz_trace(data, size, bourse::TraceFormat::swf);
  return 0;
}
