#include "bourse/base/check.h"
#include "bourse/trace/elastic.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bourse::MemorySource source(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  const auto profiles = bourse::read_profiles(source);
  if (!profiles) {
    BOURSE_CHECK(!profiles.error().message.empty());
    return 0;
  }
  for (const bourse::ModelProfile& profile : *profiles)
    BOURSE_CHECK(validate(bourse::TableThroughput{profile.points}).has_value());
  return 0;
}
