// Units in text: no input crashes a parser, and what a parser takes it also writes and reads back.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/base/units.h"

namespace {

template <class Value, class Parse>
void check_reads_back(const bourse::Result<Value>& value, Parse parse) {
  if (!value) return;
  const auto again = parse(bourse::to_text(*value));
  BOURSE_CHECK(again.has_value());
  BOURSE_CHECK(again->value == value->value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  check_reads_back(bourse::parse_seconds(text), bourse::parse_seconds);
  check_reads_back(bourse::parse_bytes(text), bourse::parse_bytes);
  check_reads_back(bourse::parse_bytes_per_second(text), bourse::parse_bytes_per_second);
  if (const auto number = bourse::parse_number(text)) {
    const auto again = bourse::parse_number(bourse::number_text(*number));
    BOURSE_CHECK(again.has_value());
    BOURSE_CHECK(*again == *number);
  }
  return 0;
}
